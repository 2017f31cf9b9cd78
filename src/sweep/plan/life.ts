/** From the keys of a sweep file to what a job says about the life of its tasks. */
import { resolve } from 'node:path';
import {
  type Cause,
  type GrowingCause,
  type Growth,
  type JobPolicy,
  type Life,
  NO_POLICY,
  POLICY_NAMES,
  type PolicyName,
  type PolicyRule,
} from '#model';
import { type Budget, isGrowing, POLICY_KEYS } from '../file/life-schema.ts';
import type { SweepDraft } from './draft.ts';

/** Twice as much each time, where nobody says how much more. */
const USUAL_FACTOR = 2;

export function planLife({ document, base }: SweepDraft): Life {
  return {
    policy: document.policy === undefined ? NO_POLICY : policyOf(document.policy),
    growth: growthOf(document.retry ?? {}),
    eventLog:
      document.log === undefined
        ? null
        : {
            path: resolve(base, document.log),
            format: document['log-format'] ?? 'htcondor',
            perTask: false,
          },
  };
}

/** How often each cause may be tried again. */
export function budgetsOf(
  retry: Readonly<Record<string, Budget | undefined>> | undefined,
): Partial<Record<Cause, number>> {
  const budgets: Partial<Record<Cause, number>> = {};
  for (const [cause, budget] of Object.entries(retry ?? {})) {
    if (budget === undefined) continue;
    budgets[cause as Cause] = timesOf(budget);
  }
  return budgets;
}

function growthOf(retry: Readonly<Record<string, Budget | undefined>>): Life['growth'] {
  const growth: Partial<Record<GrowingCause, Growth>> = {};
  for (const [cause, budget] of Object.entries(retry)) {
    if (typeof budget !== 'object' || !isGrowing(cause)) continue;
    growth[cause] =
      'steps' in budget
        ? { steps: budget.steps }
        : { factor: budget.grow ?? USUAL_FACTOR, most: budget.max ?? 0 };
  }
  return growth;
}

function timesOf(budget: Budget): number {
  if (typeof budget === 'number') return budget;
  return 'steps' in budget ? budget.steps.length : budget.times;
}

type Section = Readonly<Record<string, unknown>>;

function policyOf(section: Section): JobPolicy {
  const text = (key: string): string => String(section[key] ?? '');
  const whole = (key: string): number | null => (section[key] as number | undefined) ?? null;
  const rules: Partial<Record<PolicyName, PolicyRule>> = {};
  for (const name of POLICY_NAMES) {
    const key = POLICY_KEYS[name];
    const rule = {
      when: text(key),
      reason: text(`${key}-reason`),
      subcode: text(`${key}-subcode`),
    };
    if (rule.when !== '') rules[name] = rule;
  }
  return {
    rules,
    maxRetries: whole('max-retries'),
    successExitCode: whole('success-exit-code'),
    retryUntil: text('retry-until'),
    allowedJobMs: whole('allowed-job-duration') ?? 0,
    allowedExecuteMs: whole('allowed-execute-duration') ?? 0,
  };
}
