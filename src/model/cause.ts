/** Why an attempt ended. Exactly one per attempt; it drives the retry budget of its own kind. */
export const CAUSES = [
  'ok',
  'exit-code',
  'signal',
  'timeout',
  'memory',
  'disk',
  'missing-result',
  'invalid-result',
  'stage-in',
  'stage-out',
  'launch',
  'worker-lost',
  'cancelled',
  'superseded',
  'held',
] as const;

export type Cause = (typeof CAUSES)[number];

/**
 * Whose fault a cause is: it says which budget a retry is taken from.
 * - `program`: the job's `retries`, unless the job gives the cause a budget of its own.
 * - `machine`: the machine's doing; retried on its own, larger budget, and counts against the machine.
 * - `none`: not a failure of anything; the task goes back without using any budget, or is finished.
 */
export type Blame = 'program' | 'machine' | 'none';

export const BLAME: Readonly<Record<Cause, Blame>> = {
  ok: 'none',
  'exit-code': 'program',
  signal: 'program',
  timeout: 'program',
  memory: 'program',
  disk: 'program',
  'missing-result': 'program',
  'invalid-result': 'program',
  'stage-in': 'machine',
  'stage-out': 'machine',
  launch: 'machine',
  'worker-lost': 'none',
  cancelled: 'none',
  superseded: 'none',
  held: 'none',
};
