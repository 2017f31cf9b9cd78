/** Keys of a sweep file that say how its tasks live: policies, retries, the event log. */
import * as z from 'zod';
import { parseBytes, parseDurationMs } from '#base';
import {
  BLAME,
  CAUSES,
  EVENT_LOG_FORMATS,
  GROWING_CAUSES,
  type GrowingCause,
  MOST_GROWTH_STEPS,
  POLICY_LIMITS,
  type PolicyName,
} from '#model';

const EXPRESSION = 'an expression, e.g. "DiskUsage > 100000000"';
/** What is wrong with it is told later, with a caret. */
const expression = z
  .union([z.string().min(1), z.boolean(), z.number()], { error: EXPRESSION })
  .transform(String);
const NUMBER = 'a whole number or an expression';
const subcode = z.union([z.int(), z.string().min(1)], { error: NUMBER }).transform(String);

const DURATION = 'a duration with its unit, e.g. "10 min"';
const duration = z.string({ error: DURATION }).transform((text, context) => {
  const ms = parseDurationMs(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: DURATION });
  return z.NEVER;
});
const COUNT = `a whole number from 0 to ${POLICY_LIMITS.retries}`;
const count = z
  .int({ error: COUNT })
  .min(0, { error: COUNT })
  .max(POLICY_LIMITS.retries, { error: COUNT });

/** The words of the file for each policy: HTCondor's, with `-` or `_`. */
export const POLICY_KEYS: Readonly<Record<PolicyName, string>> = {
  periodicHold: 'periodic-hold',
  periodicRelease: 'periodic-release',
  periodicRemove: 'periodic-remove',
  periodicVacate: 'periodic-vacate',
  onExitHold: 'on-exit-hold',
  onExitRemove: 'on-exit-remove',
};

const ruleKeys = Object.values(POLICY_KEYS).flatMap((key) => [
  [key, expression.optional()] as const,
  [`${key}-reason`, expression.optional()] as const,
  [`${key}-subcode`, subcode.optional()] as const,
]);

export const policy = z.preprocess(
  dashed,
  z
    .strictObject(
      {
        ...(Object.fromEntries(ruleKeys) as Record<string, z.ZodOptional<typeof expression>>),
        'max-retries': count.optional(),
        'success-exit-code': z.int({ error: 'an exit code' }).optional(),
        'retry-until': expression.optional(),
        'allowed-job-duration': duration.optional(),
        'allowed-execute-duration': duration.optional(),
      },
      { error: 'a table [policy]' },
    )
    .superRefine(refuseOrphans)
    .optional(),
);

/** A reason without the policy that it is of would say nothing, silently. */
function refuseOrphans(section: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  for (const key of Object.values(POLICY_KEYS)) {
    if (section[key] !== undefined) continue;
    for (const orphan of [`${key}-reason`, `${key}-subcode`]) {
      if (section[orphan] === undefined) continue;
      context.addIssue({ code: 'custom', path: [orphan], message: `${key} beside it` });
    }
  }
}

/** `periodic_hold`, as submit descriptions have it, is `periodic-hold` here. */
function dashed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.replaceAll('_', '-'), inner]),
  );
}

const retryCauses = CAUSES.filter((cause) => BLAME[cause] !== 'none' || cause === 'worker-lost');
const STEPS = `at most ${MOST_GROWTH_STEPS} amounts, each more than the one before`;
const FACTOR = 'a number above 1, at most 1000';

function budgetOf(cause: string) {
  if (!(GROWING_CAUSES as readonly string[]).includes(cause)) return count;
  const isTime = cause === 'timeout';
  const unit = isTime ? DURATION : 'a size with its unit, e.g. "32 GB"';
  const parse = isTime ? parseDurationMs : parseBytes;
  const most = z.string({ error: unit }).transform((text, context) => {
    const parsed = parse(text);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: unit });
    return z.NEVER;
  });
  const growing = z.strictObject({
    times: count,
    grow: z
      .number({ error: FACTOR })
      .gt(1, { error: FACTOR })
      .max(1000, { error: FACTOR })
      .optional(),
    max: most.optional(),
  });
  const stepping = z.strictObject({
    steps: z
      .array(most, { error: STEPS })
      .min(1, { error: STEPS })
      .max(MOST_GROWTH_STEPS, { error: STEPS })
      .refine((steps) => steps.every((step, at) => step > (steps[at - 1] ?? 0)), { error: STEPS }),
  });
  const expected = 'a whole number, { times, grow, max }, or { steps }';
  return z.union([count, growing, stepping], { error: expected });
}

export type Budget =
  | number
  | {
      readonly times: number;
      readonly grow?: number | undefined;
      readonly max?: number | undefined;
    }
  | { readonly steps: readonly number[] };

export const retry = z.strictObject(
  Object.fromEntries(retryCauses.map((cause) => [cause, budgetOf(cause).optional()])),
  { error: 'a table of causes, e.g. timeout = 0' },
);

export const eventLog = z.string({ error: 'the path of a file' }).min(1);
export const eventLogFormat = z.enum(EVENT_LOG_FORMATS, {
  error: `one of ${EVENT_LOG_FORMATS.join(', ')}`,
});

export function isGrowing(cause: string): cause is GrowingCause {
  return (GROWING_CAUSES as readonly string[]).includes(cause);
}
