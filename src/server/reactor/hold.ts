/**
 * Holding, releasing and removing tasks, by people and by policies. Tasks that nothing is remembered
 * of are changed together, by one record that stands for all of them; the others one by one. What
 * runs is stopped first: its worker says when it has, and only then the task is what was decided.
 */
import {
  type Hold,
  runsContain,
  runsOf,
  type TaskIndex,
  type TaskRun,
  TaskState,
  tasksInRuns,
} from '#model';
import type { TaskNote, TaskRuling } from '#store';
import { giveBack } from '../asked.ts';
import type { Core, Job, Lease } from '../core.ts';
import { addChange, checkFinished, keepNote, noteOf, setJobState } from './tasks.ts';

/** Who did it and why, for those who ask later. */
export interface Ground {
  readonly reason: string;
  readonly actor: string;
}

/** Which tasks: all, or those of these runs. */
export type Chosen = 'all' | readonly TaskRun[];

export interface Changed {
  /** Are in the new state. */
  readonly changed: number;
  /** Will be when what runs of them has been stopped. */
  readonly stopping: number;
}

/** Nothing of them is started until they are released; what runs of them is stopped. */
export function holdTasks(
  core: Core,
  job: Job,
  chosen: Chosen,
  ground: Ground & { readonly hold: Hold },
): Changed {
  const ruling = { ...ground, to: 'held' } as const;
  return rule(core, job, chosen, ruling, [TaskState.waiting, TaskState.checking]);
}

/** They are gone for good; what runs of them is killed. A task that is done stays done. */
export function removeTasks(core: Core, job: Job, chosen: Chosen, ground: Ground): Changed {
  const ruling = { ...ground, to: 'removed', hold: null } as const;
  const from = [TaskState.waiting, TaskState.checking, TaskState.held];
  return rule(core, job, chosen, ruling, from);
}

function rule(
  core: Core,
  job: Job,
  chosen: Chosen,
  ruling: FinalRuling,
  from: readonly TaskState[],
): Changed {
  const stopping = stopRunning(core, job, chosen, ruling);
  const { changed } = ruleTasks(core, job, chosen, ruling, from);
  return { changed, stopping };
}

type FinalRuling = TaskRuling & { readonly to: 'held' | 'removed' };
type IsLike = (task: TaskIndex) => boolean;

/**
 * What does not run becomes what was decided.
 * @param isLike given by those who mean tasks without notes alone: which of them
 */
export function ruleTasks(
  core: Core,
  job: Job,
  chosen: Chosen,
  ruling: FinalRuling,
  from: readonly TaskState[],
  isLike?: IsLike,
): Changed {
  const { to, reason, actor } = ruling;
  const state = TaskState[to];
  const own = isLike ? [] : notedIn(job, chosen, from);
  for (const task of own) {
    if (job.tasks.state(task) === TaskState.waiting) job.tasks.undelay(task);
    settle(core, job, noteOf(core, job, task), ruling);
  }
  const tasks = from.flatMap((one) => moveUnnoted(job, chosen, one, state, isLike));
  const news = { kind: to, reason, actor, hold: ruling.hold } as const;
  if (own.length > 0) addChange(core, job, { ...news, tasks: runsOf(own) });
  if (tasks.length > 0) addChange(core, job, { ...news, tasks, isMass: true });
  return over(core, job, { changed: own.length + tasksInRuns(tasks), stopping: 0 });
}

function over(core: Core, job: Job, changed: Changed): Changed {
  core.commit.touch();
  core.happened({ kind: 'progress', job: job.id });
  checkFinished(core, job);
  core.wake();
  return changed;
}

/** The task is what was decided from now on; the change itself is told by the caller. */
export function settle(core: Core, job: Job, note: TaskNote, ruling: TaskRuling): void {
  const { to, reason, actor } = ruling;
  const isHeld = to === 'held';
  job.tasks.set(note.task, TaskState[to]);
  const next = {
    ...{ state: to, reason, actor, atMs: core.clock.now(), ruling: null },
    hold: ruling.hold,
    holds: note.holds + (isHeld ? 1 : 0),
    notBeforeMs: 0,
  };
  keepNote(core, job, { ...note, ...next }, isHeld);
  core.happened({
    ...{ kind: 'task', job: job.id, task: note.task, state: to, ticket: null },
    ...{ cause: isHeld ? 'held' : null, reason, actor },
  });
}

/** Their workers hear of it; what becomes of the tasks is remembered until they have answered. */
function stopRunning(core: Core, job: Job, chosen: Chosen, ruling: TaskRuling): number {
  const tasks = new Set<TaskIndex>();
  for (const lease of core.leases.values()) {
    const isMeant = lease.job === job.id && contains(chosen, lease.task);
    if (!isMeant || job.tasks.state(lease.task) !== TaskState.running) continue;
    stopLease(core, lease);
    tasks.add(lease.task);
  }
  for (const task of tasks) {
    keepNote(core, job, { ...noteOf(core, job, task), state: 'running', ruling }, true);
  }
  return tasks.size;
}

export function stopLease(core: Core, { worker, ticket }: Lease): void {
  core.workers.get(worker)?.cancels.set(ticket, 'cancelled');
  core.wake();
}

/** Held tasks wait again, with the budgets that they have left. */
export function releaseTasks(
  core: Core,
  job: Job,
  chosen: Chosen,
  { reason, actor }: Ground,
  isLike?: IsLike,
): Changed {
  const ground = { reason, actor };
  const own = isLike ? [] : notedIn(job, chosen, [TaskState.held]);
  const tasks = moveUnnoted(job, chosen, TaskState.held, TaskState.waiting, isLike);
  if (own.length + tasks.length === 0) return { changed: 0, stopping: 0 };
  reopen(core, job, `${own.length + tasksInRuns(tasks)} tasks are released`, ground.actor);
  const news = { ...ground, kind: 'released' } as const;
  if (own.length > 0) addChange(core, job, { ...news, tasks: runsOf(own) });
  if (tasks.length > 0) addChange(core, job, { ...news, tasks, isMass: true });
  for (const task of own) releaseOne(core, job, noteOf(core, job, task), ground);
  return over(core, job, { changed: own.length + tasksInRuns(tasks), stopping: 0 });
}

function releaseOne(core: Core, job: Job, note: TaskNote, ground: Ground): void {
  if (note.signature !== '') job.statistics.taskRevived(note.signature);
  job.statisticsUrgent = true;
  const released = { ...note, ...releasedFrom(note), ...ground, atMs: core.clock.now() };
  if (note.unchecked) {
    job.tasks.set(note.task, TaskState.checking);
    keepNote(core, job, { ...released, state: 'checking' }, true);
    core.check(job, note.task);
    return;
  }
  keepNote(core, job, { ...released, state: 'waiting' }, true);
  giveBack(job, note.task, 0);
}

/** What held it is remembered; losses that held it are counted anew, or the next would again. */
export function releasedFrom(note: TaskNote) {
  const { 'worker-lost': _lost, cancelled: _cancelled, ...failures } = note.failures;
  const lastHold = note.hold ? { ...note.hold, reason: note.reason } : note.lastHold;
  return { failures, lastHold, hold: null, ruling: null, signature: '', notBeforeMs: 0 };
}

/** A job that had ended goes on. */
export function reopen(core: Core, job: Job, reason: string, actor: string): void {
  if (job.state !== 'running' && job.state !== 'paused') {
    setJobState(core, job, 'running', reason, actor);
  }
  core.active.add(job.id);
}

/** Those in one of the states that have notes of their own, in table order. */
function notedIn(job: Job, chosen: Chosen, states: readonly TaskState[]): TaskIndex[] {
  const found: TaskIndex[] = [];
  for (const task of job.notes.keys()) {
    if (contains(chosen, task) && states.includes(job.tasks.state(task))) found.push(task);
  }
  return found.sort((a, b) => a - b);
}

function moveUnnoted(
  job: Job,
  chosen: Chosen,
  from: TaskState,
  to: TaskState,
  isLike: IsLike = () => true,
): TaskRun[] {
  const isUnnoted = (task: TaskIndex): boolean => !job.notes.has(task) && isLike(task);
  return job.tasks.moveAll(from, to, isUnnoted, chosen === 'all' ? undefined : chosen);
}

function contains(chosen: Chosen, task: TaskIndex): boolean {
  return chosen === 'all' || runsContain(chosen, task);
}
