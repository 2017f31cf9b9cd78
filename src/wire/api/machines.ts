import * as z from 'zod';
import { toldAd } from './ad-query.ts';
import {
  actor,
  count,
  type Frozen,
  fraction,
  message,
  milliseconds,
  moment,
  reason,
  taskCounts,
} from './message.ts';

export const workerState = z.enum(['active', 'draining', 'paused', 'lost']);

export const workerView = message(
  'Worker',
  'A worker, its state with reason, time and actor, and what it offers.',
  z.object({
    worker: z.string().describe('Its id; another process is another worker.'),
    name: z.string(),
    platform: z.string(),
    version: z.string(),
    address: z.string(),
    state: workerState,
    reason,
    changedAtMs: moment,
    actor,
    slots: count,
    busySlots: count,
    cpus: count.nullable(),
    loadAverage: z.number().nonnegative().nullable().describe('Of the last minute.'),
    memoryBytes: count,
    memoryFreeBytes: count.nullable(),
    diskFreeBytes: count,
    gpus: count.describe('Devices that attempts may ask for.'),
    busyGpus: count,
    roundTripMs: milliseconds
      .nullable()
      .describe('From the worker to the server and back, as it measured last.'),
    connectedAtMs: moment,
    lastHeardAtMs: moment,
    silentMs: milliseconds.describe('Since it was last heard.'),
    leaseMs: milliseconds.describe('It is lost when it is silent for longer.'),
    endsInMs: milliseconds.nullable().describe('Until it ends by itself; null: nobody has said.'),
    done: count.describe('Attempts that ended well, since it connected.'),
    failed: count,
    busyMs: milliseconds.describe('Wall time of its ended attempts, times their slots.'),
    cpuMs: milliseconds.describe('CPU time of its ended attempts, where it was measured.'),
    busyShare: fraction.describe('Busy time over what its slots offered since it connected.'),
    ad: toldAd,
  }),
);
export type WorkerView = Frozen<z.infer<typeof workerView>>;

export const workerList = message(
  'WorkerList',
  'The workers that the server knows.',
  z.object({ workers: z.array(workerView) }),
);
export type WorkerList = Frozen<z.infer<typeof workerList>>;

export const workerChange = message(
  'WorkerChange',
  'Pauses (nothing new is given), resumes or drains (finish, then end) a worker.',
  z.strictObject({ action: z.enum(['pause', 'resume', 'drain']), reason: reason.default('') }),
);
export type WorkerChange = Frozen<z.infer<typeof workerChange>>;

export const serverState = z.enum(['running', 'disk-full', 'draining', 'stopping', 'read-only']);

export const serverView = message(
  'Server',
  'The server itself.',
  z.object({
    version: z.string(),
    url: z.string(),
    pid: count,
    stateDirectory: z.string(),
    startedAtMs: moment,
    uptimeMs: milliseconds,
    state: serverState,
    reason,
    diskFreeBytes: count,
    diskTotalBytes: count,
    memoryBytes: count,
    jobsRunning: count,
    jobs: count,
    counts: taskCounts.describe('Tasks of all jobs by state.'),
    workers: count,
    slots: count,
    busySlots: count,
    fits: z
      .boolean()
      .optional()
      .describe('Whether the constraint is true of its ad, when one was asked with.'),
    ad: toldAd,
  }),
);
export type ServerView = Frozen<z.infer<typeof serverView>>;

export const stopRequest = message(
  'StopRequest',
  '`drain`: attempts that run may finish first. `now`: at once; workers keep what runs.',
  z.strictObject({ mode: z.enum(['drain', 'now']) }),
);
export type StopRequest = Frozen<z.infer<typeof stopRequest>>;

export const stopAnswer = message(
  'StopAnswer',
  'The server is going to end.',
  z.object({ state: serverState, runningAttempts: count }),
);
export type StopAnswer = Frozen<z.infer<typeof stopAnswer>>;
