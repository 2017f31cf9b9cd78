/** What users do to jobs and tasks. Each leaves an actor and a reason. */
import { messageOf } from '#base';
import { type TaskIndex, TaskState } from '#model';
import type { TaskNote } from '#store';
import type { Core, Job } from '../core.ts';
import { isUnstaged } from '../staged-spec.ts';
import { checkFinished, keepNote, setJobState } from './tasks.ts';

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
  if (job.state !== 'failed' || !isUnstaged(job.spec)) return;
  setJobState(core, job, 'running', 'its inputs are fetched again', actor);
  core.active.add(job.id);
  core.stage(job);
}

/** Nothing more of it starts; what runs is stopped. Results that were accepted stay. */
export function removeJob(core: Core, job: Job, reason: string, actor: string): void {
  if (job.state === 'removed') return;
  setJobState(core, job, 'removed', reason || 'removed', actor);
  core.active.delete(job.id);
  job.tasks.removeWaiting();
  removeAll(job, TaskState.held);
  removeAll(job, TaskState.checking);
  for (const lease of core.leases.values()) {
    if (lease.job !== job.id) continue;
    core.workers.get(lease.worker)?.cancels.set(lease.ticket, 'cancelled');
  }
  core.finished(job);
  core.commit.touch();
  core.wake();
}

/** One state at a time: looking for two would search to the table's end for each task found. */
function removeAll(job: Job, state: TaskState): void {
  for (let task = job.tasks.find([state], 0); task >= 0; ) {
    job.tasks.set(task, TaskState.removed);
    task = job.tasks.find([state], task + 1);
  }
}

/**
 * Failed and held tasks wait again, with fresh budgets. A task held because of the validator is
 * checked again; its program is not run again.
 * @param notes what the store remembers of these tasks, in any order
 * @returns how many tasks go on
 */
export function retryTasks(
  core: Core,
  job: Job,
  notes: readonly TaskNote[],
  actor: string,
): number {
  const again = notes.filter((note) => isStuck(job, note.task));
  if (again.length === 0) return 0;
  if (job.state !== 'running' && job.state !== 'paused') {
    setJobState(core, job, 'running', `${again.length} tasks are tried again`, actor);
  }
  core.active.add(job.id);
  for (const note of again) retryTask(core, job, note, actor);
  core.wake();
  return again.length;
}

export function isStuck(job: Job, task: TaskIndex): boolean {
  const state = job.tasks.state(task);
  return state === TaskState.failed || state === TaskState.held;
}

function retryTask(core: Core, job: Job, note: TaskNote, actor: string): void {
  if (note.signature !== '') job.statistics.taskRevived(note.signature);
  job.statisticsUrgent = true;
  const atMs = core.clock.now();
  const fresh = { ...note, failures: {}, signature: '', notBeforeMs: 0, actor, atMs };
  if (note.unchecked) {
    job.tasks.set(note.task, TaskState.checking);
    keepNote(core, job, { ...fresh, state: 'checking', reason: 'checked again' }, true);
    core.check(job, note.task);
    return;
  }
  job.tasks.giveBack(note.task, 0);
  keepNote(core, job, { ...fresh, state: 'waiting', reason: 'tried again by command' }, true);
}
