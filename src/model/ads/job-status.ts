import type { TaskStateName } from '../task.ts';

/** `JobStatus` of each state, as HTCondor numbers them; a task that failed for good has ended too. */
export const JOB_STATUS: Readonly<Record<TaskStateName, number>> = {
  waiting: 1,
  staging: 2,
  running: 2,
  checking: 2,
  done: 4,
  failed: 4,
  held: 5,
  removed: 3,
};
