import type { Hold } from './hold.ts';
import type { JobId, TaskIndex, Ticket } from './job.ts';

/** Neighbouring tasks: the first and how many. */
export type TaskRun = readonly [TaskIndex, number];

export const TASK_CHANGE_KINDS = [
  ...(['submitted', 'started', 'held', 'released', 'removed'] as const),
  /** A running program has said something; its task stays as it is. */
  'remarked',
] as const;

/**
 * A change of tasks that is no end of an attempt. Together with the ends, in the order of
 * `sequence`, it is the life of the tasks, as event logs tell it.
 */
export interface TaskChange {
  /** Counts up together with the ends of attempts of the whole server. */
  readonly sequence: number;
  readonly job: JobId;
  /**
   * `submitted` and `started` are kept for jobs with an event log only: they are said by the
   * existence of the job and by the ends of attempts as well.
   */
  readonly kind: (typeof TASK_CHANGE_KINDS)[number];
  readonly atMs: number;
  readonly actor: string;
  readonly reason: string;
  /** Of `held`. */
  readonly hold: Hold | null;
  readonly tasks: readonly TaskRun[];
  /** Of `started`. */
  readonly ticket: Ticket | null;
  /** Of `started`: the worker's name. */
  readonly worker: string;
  /** It stands for a note of each of its tasks: they have none of their own. */
  readonly isMass: boolean;
}

export function runsContain(runs: readonly TaskRun[], task: TaskIndex): boolean {
  return runs.some(([first, count]) => task >= first && task < first + count);
}

/** 4, 5, 6, 9 → [4, 3], [9, 1]. */
export function runsOf(tasks: Iterable<TaskIndex>): TaskRun[] {
  const runs: [TaskIndex, number][] = [];
  for (const task of tasks) {
    const last = runs.at(-1);
    if (last && last[0] + last[1] === task) last[1]++;
    else runs.push([task, 1]);
  }
  return runs;
}

export function tasksInRuns(runs: readonly TaskRun[]): number {
  return runs.reduce((sum, [, count]) => sum + count, 0);
}
