/** What users do to jobs and tasks. Each leaves an actor and a reason. */
import { messageOf } from '#base';
import { runsOf, type TaskIndex, TaskState } from '#model';
import type { TaskNote } from '#store';
import type { Core, Job } from '../core.ts';
import { isUnstaged } from '../staged-spec.ts';
import { releasedFrom, releaseTasks, reopen } from './hold.ts';
import { addChange, checkFinished, keepNote, setJobState } from './tasks.ts';

/** What runs is finished; workers give back what has not started. */
export function pauseJob(core: Core, job: Job, reason: string, actor: string): void {
  if (job.state !== 'running') return;
  setJobState(core, job, 'paused', reason || 'paused', actor);
  for (const lease of core.leases.values()) {
    const worker = lease.job === job.id ? core.workers.get(lease.worker) : undefined;
    if (worker) worker.recall = true;
  }
  core.wake();
}

/** Its parameter table is gone or damaged: nothing of it can be handed out, and it says why. */
export function onRowsUnreadable(core: Core, job: Job, error: unknown): void {
  const reason = `its parameter table cannot be read: ${messageOf(error)}`;
  setJobState(core, job, 'paused', reason, 'server');
}

export function resumeJob(core: Core, job: Job, reason: string, actor: string): void {
  if (job.state !== 'paused') return;
  setJobState(core, job, 'running', reason || 'resumed', actor);
  core.active.add(job.id);
  // Its last attempts may have ended while it was paused.
  checkFinished(core, job);
  core.wake();
}

/** Its inputs could not be fetched: they are tried again, and its tasks wait for them. */
export function stageAgain(core: Core, job: Job, actor: string): void {
  if (job.state !== 'failed' || job.tasks.open === 0) return;
  setJobState(core, job, 'running', 'its inputs are fetched again', actor);
  core.active.add(job.id);
  if (isUnstaged(job.spec)) return core.stage(job);
  // What was damaged is found by the first attempt that needs it, and repaired if it can be now.
  job.staging = null;
  core.wake();
}

/** Larger runs first. */
export function prioritizeJob(
  core: Core,
  job: Job,
  priority: number,
  reason: string,
  actor: string,
): void {
  const before = job.spec.priority;
  if (before === priority) return;
  job.spec = { ...job.spec, priority };
  core.commit.add({ kind: 'job-spec', job: job.id, spec: job.spec });
  const why = reason === '' ? '' : `: ${reason}`;
  const text = `priority ${before} → ${priority}${why}`;
  const atMs = core.clock.now();
  core.commit.add({ kind: 'event', atMs, job: job.id, event: 'job-prioritized', actor, text });
  core.happened({ kind: 'job', job: job.id });
  core.wake();
}

/** Nothing more of it starts; what runs is stopped. Results that were accepted stay. */
export function removeJob(core: Core, job: Job, reason: string, actor: string): void {
  if (job.state === 'removed') return;
  setJobState(core, job, 'removed', reason || 'removed', actor);
  core.active.delete(job.id);
  core.set.dropJob(job.id);
  const gone = [TaskState.waiting, TaskState.held, TaskState.checking];
  const tasks = gone.flatMap((state) => job.tasks.moveAll(state, TaskState.removed));
  if (tasks.length > 0) {
    const ground = { reason: job.stateReason, actor };
    addChange(core, job, { ...ground, kind: 'removed', tasks, isMass: true });
  }
  for (const lease of core.leases.values()) {
    if (lease.job !== job.id) continue;
    core.workers.get(lease.worker)?.cancels.set(lease.ticket, 'cancelled');
  }
  core.finished(job);
  core.commit.touch();
  core.wake();
}

/**
 * Failed and held tasks wait again, with fresh budgets. A task held because of the validator is
 * checked again; its program is not run again.
 * @param notes what the store remembers of these tasks, in any order
 * @param withMass also those that were held together and have no notes
 * @returns how many tasks go on
 */
export function retryTasks(
  core: Core,
  job: Job,
  notes: readonly TaskNote[],
  actor: string,
  withMass: boolean,
): number {
  const again = notes.filter((note) => isStuck(job, note.task));
  if (again.length > 0) {
    reopen(core, job, `${again.length} tasks are tried again`, actor);
    const tasks = runsOf(again.map(({ task }) => task).sort((a, b) => a - b));
    addChange(core, job, { kind: 'released', reason: AGAIN, actor, tasks });
    for (const note of again) retryTask(core, job, note, actor);
    core.wake();
  }
  if (!withMass) return again.length;
  return again.length + releaseTasks(core, job, 'all', { reason: AGAIN, actor }).changed;
}

const AGAIN = 'tried again by command';

export function isStuck(job: Job, task: TaskIndex): boolean {
  const state = job.tasks.state(task);
  return state === TaskState.failed || state === TaskState.held;
}

function retryTask(core: Core, job: Job, note: TaskNote, actor: string): void {
  if (note.signature !== '') job.statistics.taskRevived(note.signature);
  job.statisticsUrgent = true;
  const atMs = core.clock.now();
  const fresh = { ...note, ...releasedFrom(note), failures: {}, actor, atMs };
  if (note.unchecked) {
    job.tasks.set(note.task, TaskState.checking);
    keepNote(core, job, { ...fresh, state: 'checking', reason: 'checked again' }, true);
    core.check(job, note.task);
    return;
  }
  // With budgets anew it begins with what its job asks for.
  keepNote(core, job, { ...fresh, state: 'waiting', reason: AGAIN, asked: null }, true);
  job.tasks.giveBack(note.task, 0);
}

/** A later job has taken over the output; an earlier one must not write over it. */
export function isLatest(core: Core, job: Job): boolean {
  for (const other of core.jobs.values()) {
    const isSame = other.lineage === job.lineage && other.state !== 'removed';
    if (isSame && other.id > job.id) return false;
  }
  return true;
}
