/** The ad of a job in a list of jobs: chained to that of the job, with what its tasks do. */
import { type Ad, adOfThing, attributeTable } from '#classad';
import type { JobState, TaskCounts } from '../task.ts';
import { epochSeconds } from './quantities.ts';

export interface JobProgressFacts {
  readonly state: JobState;
  readonly stateAtMs: number;
  readonly reason: string;
  readonly counts: TaskCounts;
}

const COMPLETED = 4;

const TABLE = attributeTable<JobProgressFacts>({
  JobStatus: statusOf,
  JobState: ({ state }) => state,
  EnteredCurrentStatus: ({ stateAtMs }) => epochSeconds(stateAtMs),
  CompletionDate: (job) => (statusOf(job) === COMPLETED ? epochSeconds(job.stateAtMs) : 0),
  RemoveReason: ({ state, reason }) => (state === 'removed' ? reason : undefined),
  IdleTasks: ({ counts }) => counts.waiting,
  RunningTasks: ({ counts }) => counts.staging + counts.running + counts.checking,
  DoneTasks: ({ counts }) => counts.done,
  FailedTasks: ({ counts }) => counts.failed,
  HeldTasks: ({ counts }) => counts.held,
  RemovedTasks: ({ counts }) => counts.removed,
});

export function jobProgressAd(progress: JobProgressFacts, job: Ad): Ad {
  return adOfThing(TABLE, progress, job);
}

/**
 * As HTCondor numbers them; of a job that has tasks in several states, the liveliest. Held tasks may be
 * released yet, also where nothing else is left to be done.
 */
function statusOf({ state, counts }: JobProgressFacts): number {
  if (state === 'removed') return 3;
  if (state === 'done' || state === 'failed') {
    if (counts.held > 0) return 5;
    return counts.removed > 0 && counts.done + counts.failed === 0 ? 3 : COMPLETED;
  }
  if (counts.staging + counts.running + counts.checking > 0) return 2;
  return state === 'paused' || counts.waiting === 0 ? 5 : 1;
}
