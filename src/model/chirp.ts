/** What running programs may say about their task: attributes of its ad, and remarks. */
import { parseExpression } from '#classad';
import { JOB_AD_NAMES } from './ads/job-ad.ts';
import { TASK_AD_NAMES } from './ads/task-ad.ts';
import type { ChirpWish } from './dealings.ts';

export const CHIRP_LIMITS = {
  nameCharacters: 128,
  /** Of an attribute that is set at once; a line of the protocol holds no more. */
  expressionCharacters: 5000,
  /** Of one that goes with the next report. */
  delayedCharacters: 993,
  /** That one task may set. */
  attributes: 100,
  /** Of a remark for the event log. */
  remarkBytes: 128,
} as const;

/** Attributes that are set later have names that begin so, in any case. */
const DELAYED = /^chirp/i;
const NAME = /^[A-Za-z_]\w*$/;

/** An attribute as a program has set it. */
export interface SetAttribute {
  /** As it was written; names ignore case. */
  readonly name: string;
  readonly expression: string;
}

export type AttributeRefusal = 'unasked' | 'protected' | 'malformed' | 'too-long';

/**
 * Why a program may not set this; null: it may. What Windrow tells by itself, and what decides where
 * and how the task runs, is not the program's to say.
 */
export function refusalOfAttribute(
  { name, expression }: SetAttribute,
  wish: ChirpWish,
): AttributeRefusal | null {
  if (!wish.io && !(wish.delayed && DELAYED.test(name))) return 'unasked';
  if (!NAME.test(name)) return 'malformed';
  if (name.length > CHIRP_LIMITS.nameCharacters) return 'too-long';
  if (expression.length > CHIRP_LIMITS.expressionCharacters) return 'too-long';
  const lower = name.toLowerCase();
  if (JOB_AD_NAMES.has(lower) || TASK_AD_NAMES.has(lower) || GUARDED.has(lower)) return 'protected';
  try {
    parseExpression(expression);
    return null;
  } catch {
    return 'malformed';
  }
}

export function isDelayedName(name: string): boolean {
  return DELAYED.test(name);
}

/** Names with a meaning of their own that ads do not tell here, or not always. */
const GUARDED: ReadonlySet<string> = new Set(
  (
    'owner user acctgroup acctgroupuser accountinggroup clusterid procid globaljobid jobstatus jobuniverse ' +
    'qdate completiondate requirements rank iwd cmd jobprio niceuser mytype targettype holdreason ' +
    'holdreasoncode holdreasonsubcode releasereason removereason userlog wantioproxy wantdelayedupdates ' +
    'periodichold periodicrelease periodicremove onexithold onexitremove timerremove leavejobinqueue ' +
    'concurrencylimits jobmaxretries jobsuccessexitcode allowedjobduration allowedexecuteduration'
  ).split(' '),
);
