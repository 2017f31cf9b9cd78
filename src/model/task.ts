/**
 * The state of a task is one byte, in memory and on disk, so that ten million tasks cost ten
 * megabytes. `waiting → staging → running → done | failed`, and `held`, `removed`.
 *
 *   waiting ──granted──▶ running ──ok, valid──▶ done
 *      ▲                   │ │ └──no budget left──▶ failed ──retry──▶ waiting
 *      └──retry, lost──────┘ └──policy, validator fault──▶ held ──release──▶ waiting
 *   waiting | running | checking ──hold──▶ held
 *   waiting | running | checking | held | failed ──rm──▶ removed
 *
 * `checking` is the time between a program's good end and the verdict of the job's validator.
 */
export const TaskState = {
  waiting: 0,
  staging: 1,
  running: 2,
  checking: 3,
  done: 4,
  failed: 5,
  held: 6,
  removed: 7,
} as const;

export type TaskState = (typeof TaskState)[keyof typeof TaskState];
export type TaskStateName = keyof typeof TaskState;

export const TASK_STATE_NAMES = Object.keys(TaskState) as TaskStateName[];

export function taskStateName(state: number): TaskStateName {
  return TASK_STATE_NAMES[state] ?? 'waiting';
}

/** Nothing more will happen to it by itself. */
export function isFinal(state: number): boolean {
  return state === TaskState.done || state === TaskState.failed || state === TaskState.removed;
}

/** How many tasks of a job are in each state; the sum is the number of rows. */
export type TaskCounts = Record<TaskStateName, number>;

export type JobState = 'running' | 'paused' | 'done' | 'failed' | 'removed';

/** State bytes are kept in segments of this many tasks: one fits a database page. */
export const SEGMENT_TASKS = 4096;
