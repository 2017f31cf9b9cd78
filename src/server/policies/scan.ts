/**
 * Looks again and again at what waits and what is held. Tasks that nothing is remembered of are alike:
 * one of them is looked at, and all are what it is. The others are looked at one by one, in slices,
 * so that all of it takes no more than a small part of the time.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '#base';
import { type TaskChange, type TaskIndex, type TaskRun, TaskState } from '#model';
import type { TaskNote } from '#store';
import type { Core, Job } from '../core.ts';
import { releaseTasks, ruleTasks } from '../reactor/hold.ts';
import { noteOfMass } from '../reactor/tasks.ts';
import { perTaskPolicies } from './per-task.ts';
import { decideIdle, hasIdlePolicies, rulingOf } from './rulings.ts';

/** As HTCondor's PERIODIC_EXPR_TIMESLICE: looking takes at most this part of the time. */
const SHARE = 1 / 50;
const SLICE_MS = 5;

export class PolicyScan {
  readonly #core: Core;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #scanning: Promise<void> = Promise.resolve();

  constructor(core: Core, intervalMs: number) {
    this.#core = core;
    this.#intervalMs = intervalMs;
  }

  start(): void {
    this.#schedule(this.#intervalMs);
  }

  #schedule(ms: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#scanning = this.scan().then((busyMs) =>
        this.#schedule(Math.max(this.#intervalMs, busyMs / SHARE)),
      );
    }, ms);
  }

  /** One look at everything. Resolves with the time that it took by itself. */
  async scan(): Promise<number> {
    const slice = new Slice(this.#core.clock);
    for (const job of [...this.#core.jobs.values()]) {
      if (this.#closed || !isLookedAt(this.#core, job)) continue;
      this.#lookAtMasses(job);
      await slice.pause();
      for (const task of knownTasks(this.#core, job)) {
        if (this.#closed) break;
        this.#lookAtOne(job, task);
        await slice.pause();
      }
    }
    return slice.busyMs;
  }

  /** Waiting tasks without notes, and those of each change of many that holds them. */
  #lookAtMasses(job: Job): void {
    const { tasks } = job;
    if (!perTaskPolicies(this.#core, job)) {
      const waiting = firstUnnoted(job, TaskState.waiting, [[0, tasks.rows]], () => true);
      if (waiting >= 0) this.#rule(job, [[0, tasks.rows]], waiting, null, TaskState.waiting);
    }
    for (const change of job.masses) {
      const first = firstHeldBy(job, change);
      if (first >= 0) {
        this.#rule(job, change.tasks, first, noteOfMass(job, first), TaskState.held);
      }
    }
  }

  #rule(
    job: Job,
    runs: readonly TaskRun[],
    example: TaskIndex,
    note: TaskNote | null,
    from: TaskState,
  ): void {
    const ruling = rulingOf(decideIdle(this.#core, job, note, example));
    if (!ruling) return;
    const isLike = (task: TaskIndex): boolean =>
      from === TaskState.waiting || isSameMass(job, task, note);
    if (ruling.to === 'waiting') releaseTasks(this.#core, job, runs, ruling, isLike);
    else ruleTasks(this.#core, job, runs, { ...ruling, to: ruling.to }, [from], isLike);
  }

  #lookAtOne(job: Job, task: TaskIndex): void {
    const note = job.notes.get(task) ?? null;
    const state = job.tasks.state(task);
    if (state !== TaskState.waiting && state !== TaskState.held) return;
    const ruling = rulingOf(decideIdle(this.#core, job, note, task));
    if (!ruling) return;
    if (ruling.to === 'waiting') releaseTasks(this.#core, job, [[task, 1]], ruling);
    else ruleTasks(this.#core, job, [[task, 1]], { ...ruling, to: ruling.to }, [state]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#scanning;
  }
}

function isLookedAt(core: Core, job: Job): boolean {
  if (job.state === 'removed') return false;
  const idle = job.tasks.count(TaskState.waiting) + job.tasks.count(TaskState.held);
  return idle > 0 && hasIdlePolicies(core, job);
}

/** Tasks of which anything is remembered. */
function knownTasks({ set }: Core, job: Job): ReadonlySet<TaskIndex> {
  return new Set([...job.notes.keys(), ...set.tasksOf(job.id)]);
}

function firstUnnoted(
  job: Job,
  state: TaskState,
  runs: readonly TaskRun[],
  wanted: (task: TaskIndex) => boolean,
): TaskIndex {
  for (const [first, count] of runs) {
    let task = job.tasks.find([state], first);
    for (; task >= 0 && task < first + count; task = job.tasks.find([state], task + 1)) {
      if (!job.notes.has(task) && wanted(task)) return task;
    }
  }
  return -1;
}

/** The first task that is held by this change and by no later one. */
function firstHeldBy(job: Job, change: TaskChange): TaskIndex {
  if (change.kind !== 'held') return -1;
  const later = job.masses.slice(job.masses.indexOf(change) + 1);
  return firstUnnoted(job, TaskState.held, change.tasks, (task) =>
    later.every(({ kind, tasks }) => kind !== 'held' || !covers(tasks, task)),
  );
}

function covers(runs: readonly TaskRun[], task: TaskIndex): boolean {
  return runs.some(([first, count]) => task >= first && task < first + count);
}

function isSameMass(job: Job, task: TaskIndex, note: TaskNote | null): boolean {
  const other = noteOfMass(job, task);
  return other?.atMs === note?.atMs && other?.holds === note?.holds;
}

/** Gives others their turn after a few milliseconds of work. */
class Slice {
  readonly #clock: Clock;
  #beganMs: number;
  busyMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beganMs = clock.monotonic();
  }

  async pause(): Promise<void> {
    const ms = this.#clock.monotonic() - this.#beganMs;
    if (ms < SLICE_MS) return;
    this.busyMs += ms;
    await nextTurn();
    this.#beganMs = this.#clock.monotonic();
  }
}
