/** What becomes of a task after an attempt that did not end well. Pure. */
import {
  type Asked,
  BLAME,
  type Cause,
  type GrowingCause,
  type Growth,
  type JobSpec,
} from '#model';

/** Attempts that a machine spoils are tried again this often before the task fails. */
const MACHINE_RETRIES = 3;
/** A task that was running whenever its worker was lost may be what loses it. */
const WORKER_LOSSES = 10;
/** A task that is always given back at the end of its worker's time may never be able to end. */
const GIVEN_BACK = 20;
const MACHINE_DELAY_MS = 500;
export const LONGEST_DELAY_MS = 60_000;

export type Verdict =
  | { readonly next: 'wait'; readonly delayMs: number }
  | { readonly next: 'fail'; readonly why: string }
  | { readonly next: 'hold'; readonly why: string };

/**
 * @param failures how often each cause has ended an attempt of the task, this one included
 */
export function afterFailure(
  cause: Cause,
  failures: Readonly<Record<string, number>>,
  spec: Pick<JobSpec, 'retries' | 'retryByCause'>,
): Verdict {
  const times = failures[cause] ?? 1;
  const own = spec.retryByCause[cause];
  if (cause === 'held') return { next: 'hold', why: 'it was held' };
  if (own !== undefined) return within(times, own, cause, delayOf(cause, times));
  switch (BLAME[cause]) {
    case 'none':
      if (cause === 'worker-lost' && times >= WORKER_LOSSES) {
        return { next: 'hold', why: `its worker was lost ${times} times while it ran` };
      }
      if (cause === 'cancelled' && times >= GIVEN_BACK) {
        return { next: 'hold', why: `its worker gave it back ${times} times before it ended` };
      }
      return { next: 'wait', delayMs: 0 };
    case 'machine':
      return within(times, MACHINE_RETRIES, cause, delayOf(cause, times));
    case 'program':
      return within(programFailures(failures, spec), spec.retries, cause, 0);
  }
}

function delayOf(cause: Cause, times: number): number {
  if (BLAME[cause] !== 'machine') return 0;
  return Math.min(LONGEST_DELAY_MS, MACHINE_DELAY_MS * 2 ** (times - 1));
}

/** Causes with a budget of their own do not draw on the common one. */
function programFailures(
  failures: Readonly<Record<string, number>>,
  spec: Pick<JobSpec, 'retryByCause'>,
): number {
  let sum = 0;
  for (const [cause, times] of Object.entries(failures)) {
    const drawsOnCommon = spec.retryByCause[cause as Cause] === undefined;
    if (BLAME[cause as Cause] === 'program' && drawsOnCommon) sum += times;
  }
  return sum;
}

function within(times: number, budget: number, cause: Cause, delayMs: number): Verdict {
  if (times <= budget) return { next: 'wait', delayMs };
  const used = budget === 1 ? 'its one retry is used' : `all ${budget} retries are used`;
  const retries = budget === 0 ? 'no retries were allowed' : used;
  return { next: 'fail', why: `${retries} for ${cause}` };
}

/** Which amount each cause says was too little. */
const GROWS = {
  memory: 'memoryBytes',
  disk: 'diskBytes',
  timeout: 'timeoutMs',
} as const satisfies Record<GrowingCause, keyof Asked>;

/**
 * What the next attempt is given after one ended by `cause`. Null: what its job asks for. What was
 * asked for without a limit cannot grow.
 */
export function askedAfter(
  cause: Cause,
  asked: Asked | null,
  spec: Pick<JobSpec, 'growth' | 'request' | 'timeoutMs'>,
): Asked | null {
  const growth = spec.growth[cause as GrowingCause];
  if (!growth) return asked;
  const { memoryBytes, diskBytes } = spec.request;
  const now = asked ?? { memoryBytes, diskBytes, timeoutMs: spec.timeoutMs };
  const key = GROWS[cause as GrowingCause];
  const before = now[key];
  const more = grown(before, growth);
  return more === before ? asked : { ...now, [key]: more };
}

function grown(before: number, growth: Growth): number {
  if (before === 0) return 0;
  if ('steps' in growth) {
    const larger = growth.steps.filter((step) => step > before);
    return larger.length === 0 ? before : Math.min(...larger);
  }
  const { factor, most } = growth;
  return Math.min(
    most === 0 ? Number.MAX_SAFE_INTEGER : Math.max(most, before),
    Math.ceil(before * factor),
  );
}
