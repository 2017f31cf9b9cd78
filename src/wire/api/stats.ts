import * as z from 'zod';
import {
  cause,
  causeCounts,
  count,
  type Frozen,
  fraction,
  jobId,
  jobState,
  message,
  milliseconds,
  moment,
  parameters,
  taskCounts,
  taskIndex,
  ticket,
} from './message.ts';
import { networkBytes } from './tasks.ts';

export const percentiles = message(
  'Percentiles',
  'Times of the attempts that ended well.',
  z.object({
    count,
    minMs: milliseconds,
    p50Ms: milliseconds,
    p90Ms: milliseconds,
    p99Ms: milliseconds,
    maxMs: milliseconds,
    meanMs: milliseconds,
    sumMs: milliseconds,
  }),
);
export type PercentilesView = Frozen<z.infer<typeof percentiles>>;

export const workerStats = message(
  'WorkerStats',
  'What one worker did for a job.',
  z.object({
    worker: z.string(),
    done: count.describe('Tasks it finished.'),
    attempts: count,
    failures: causeCounts,
    busyMs: milliseconds.describe('Sum of the wall times of its attempts.'),
    cpuMs: milliseconds.describe('Sum of their CPU times, where they were measured.'),
    efficiency: fraction.describe('Busy time over slots times the time it was there.'),
  }),
);
export type WorkerStats = Frozen<z.infer<typeof workerStats>>;

export const failureGroup = message(
  'FailureGroup',
  'Tasks that failed in the same way, with one of them as the example.',
  z.object({
    signature: z.string(),
    cause,
    tasks: count,
    example: z.object({ task: taskIndex, ticket, parameters, reason: z.string() }),
  }),
);
export type FailureGroup = Frozen<z.infer<typeof failureGroup>>;

export const jobStats = message(
  'JobStats',
  'Who did what, what failed and how long things took.',
  z.object({
    job: jobId,
    name: z.string(),
    state: jobState,
    counts: taskCounts,
    startedAtMs: moment.nullable(),
    endedAtMs: moment.nullable(),
    elapsedMs: milliseconds,
    attempts: count,
    reused: count.describe('Tasks whose results were taken over from an earlier job.'),
    causes: causeCounts.describe('Every ended attempt by its cause.'),
    ends: z
      .object({
        fromMs: moment.describe('When the first step begins.'),
        stepMs: milliseconds,
        ok: z.array(count),
        failed: z.array(count).describe('By the doing of their program or machine.'),
      })
      .nullable()
      .describe('How many attempts ended in each of at most 240 steps; null before the first.'),
    workers: z.array(workerStats),
    workersLeftOut: count.describe('Workers beyond the 1000 that did most.'),
    failures: z.array(failureGroup),
    failuresLeftOut: count.describe('Groups beyond the 100 largest.'),
    wall: percentiles.nullable(),
    cpu: percentiles.nullable(),
    memoryPeakBytes: count.nullable().describe('The largest of any attempt.'),
    ioReadBytes: count.nullable().describe('Read from disks by all attempts.'),
    ioWriteBytes: count.nullable().describe('Written to disks by all attempts.'),
    contextSwitches: count.nullable().describe('Of all attempts.'),
    cpuMs: milliseconds.nullable().describe('CPU time of all attempts, also of failed ones.'),
    memoryGibHours: z.number().min(0).nullable().describe('Peak times wall time, of all attempts.'),
    network: networkBytes,
    networkAttempts: count.describe('Attempts whose traffic was counted.'),
    tasksPeak: count.nullable().describe('Processes and threads; the largest of any attempt.'),
    diskPeakBytes: count.nullable().describe('In scratch; the largest of any attempt.'),
    walls: z
      .array(
        z.object({
          wanted: z.string().describe('A level, or `listed` where walls were named one by one.'),
          had: z.string().describe('The highest level all of whose walls stood.'),
          attempts: count,
        }),
      )
      .describe('Attempts by the walls that were wanted and those that they had.'),
    efficiency: fraction,
  }),
);
export type JobStats = Frozen<z.infer<typeof jobStats>>;
