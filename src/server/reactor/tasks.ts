/** Changes of a task's state that every verb uses; each leaves reason, actor and time behind. */
import { runsContain, type TaskChange, type TaskIndex, TaskState, taskStateName } from '#model';
import type { TaskNote } from '#store';
import type { Core, Job } from '../core.ts';
import { mayBeReleased } from '../policies/rulings.ts';

export function noteOf(core: Core, job: Job, task: TaskIndex): TaskNote {
  return job.notes.get(task) ?? noteOfMass(job, task) ?? freshNote(core, job, task);
}

/** Of a task none of whose attempts has ended. */
const UNTRIED = {
  attempts: 0,
  failures: {},
  signature: '',
  notBeforeMs: 0,
  ruling: null,
  completions: 0,
  asked: null,
  unchecked: null,
} as const;

function freshNote(core: Core, job: Job, task: TaskIndex): TaskNote {
  return {
    job: job.id,
    task,
    state: taskStateName(job.tasks.state(task)),
    reason: '',
    actor: '',
    atMs: core.clock.now(),
    hold: null,
    holds: 0,
    lastHold: null,
    ...UNTRIED,
  };
}

/** What the changes of many tasks at once say of this one; null when they say nothing. */
export function noteOfMass(job: Job, task: TaskIndex): TaskNote | null {
  const touching = job.masses.filter(({ tasks }) => runsContain(tasks, task));
  const last = touching.at(-1);
  if (!last) return null;
  const holds = touching.filter(({ kind }) => kind === 'held');
  const released = last.kind === 'released' ? holds.at(-1) : holds.at(-2);
  return {
    job: job.id,
    task,
    state: taskStateName(job.tasks.state(task)),
    reason: last.reason,
    actor: last.actor,
    atMs: last.atMs,
    hold: last.hold,
    holds: holds.length,
    lastHold: released?.hold ? { ...released.hold, reason: released.reason } : null,
    ...UNTRIED,
  };
}

export type ChangeNews = Pick<TaskChange, 'kind' | 'actor' | 'reason' | 'tasks'> &
  Partial<Pick<TaskChange, 'atMs' | 'hold' | 'ticket' | 'worker' | 'isMass'>>;

/** A change of tasks that is no end of an attempt is kept, in one order with those ends. */
export function addChange(core: Core, job: Job, news: ChangeNews): TaskChange {
  job.lastSequence = ++core.sequence;
  const change: TaskChange = {
    ...{ atMs: core.clock.now(), hold: null, ticket: null, worker: '', isMass: false },
    ...news,
    sequence: core.sequence,
    job: job.id,
  };
  core.commit.add({ kind: 'tasks-changed', change });
  if (change.isMass) job.masses = [...job.masses, change];
  return change;
}

/** Remembers what is special about a task; final tasks are remembered by the store alone. */
export function keepNote(core: Core, job: Job, note: TaskNote, inMemory: boolean): void {
  if (inMemory) job.notes.set(note.task, note);
  else job.notes.delete(note.task);
  core.commit.add({ kind: 'note', note });
}

export function clearNote(core: Core, job: Job, task: TaskIndex): void {
  if (!job.notes.delete(task)) return;
  core.commit.add({ kind: 'note-cleared', job: job.id, task });
}

/** Number of the task's next attempt. */
export function nextNumber(job: Job, task: TaskIndex): number {
  return (job.notes.get(task)?.attempts ?? 0) + 1;
}

/** After any change of states: the job may be over. */
export function checkFinished(core: Core, job: Job): void {
  if (job.tasks.open > 0 || job.state !== 'running') return;
  if (job.tasks.count(TaskState.held) > 0 && mayBeReleased(core, job)) return;
  const bad = job.tasks.count(TaskState.failed) + job.tasks.count(TaskState.held);
  const reason =
    bad === 0 ? 'all tasks are done' : `${bad} of ${job.tasks.rows} tasks failed or are held`;
  setJobState(core, job, bad === 0 ? 'done' : 'failed', reason, 'server');
  core.active.delete(job.id);
  core.set.dropJob(job.id);
  core.finished(job);
}

export function setJobState(
  core: Core,
  job: Job,
  state: Job['state'],
  reason: string,
  actor: string,
): void {
  job.state = state;
  job.stateReason = reason;
  job.stateActor = actor;
  job.stateAtMs = core.clock.now();
  const atMs = job.stateAtMs;
  core.commit.add({ kind: 'job-state', job: job.id, state, reason, actor, atMs });
  core.commit.add({
    kind: 'event',
    atMs,
    job: job.id,
    event: `job-${state}`,
    actor,
    text: reason,
  });
  core.happened({ kind: 'job', job: job.id });
}
