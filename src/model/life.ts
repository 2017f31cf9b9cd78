/** What a job says about the life of its tasks: policies, retries that ask for more, an event log. */

/** A policy of a job; each text is an expression over the task's ad, `''`: none. */
export interface PolicyRule {
  readonly when: string;
  /** Tells why, in place of a stock sentence. */
  readonly reason: string;
  /** A number that says more. */
  readonly subcode: string;
}

export const POLICY_NAMES = [
  'periodicHold',
  'periodicRelease',
  'periodicRemove',
  'periodicVacate',
  'onExitHold',
  'onExitRemove',
] as const;
export type PolicyName = (typeof POLICY_NAMES)[number];

export interface JobPolicy {
  readonly rules: Readonly<Partial<Record<PolicyName, PolicyRule>>>;
  /** How often a program that came to its own end is run again; null: as `retries` says. */
  readonly maxRetries: number | null;
  /** The exit code that counts as success; null: 0. */
  readonly successExitCode: number | null;
  /** An expression: once it is true, the program is not run again; `''`: none. */
  readonly retryUntil: string;
  /** Of one attempt, its staging included; longer: held. 0: none. */
  readonly allowedJobMs: number;
  /** Of one attempt's program; longer: held. 0: none. */
  readonly allowedExecuteMs: number;
}

export const NO_POLICY: JobPolicy = {
  rules: {},
  maxRetries: null,
  successExitCode: null,
  retryUntil: '',
  allowedJobMs: 0,
  allowedExecuteMs: 0,
};

/** Causes after which a task may be given more of what it ran out of. */
export const GROWING_CAUSES = ['memory', 'disk', 'timeout'] as const;
export type GrowingCause = (typeof GROWING_CAUSES)[number];

/** Amounts are bytes, or milliseconds of `timeout`. */
export type Growth =
  | {
      /** What it asked for is multiplied by this for the next attempt; above 1. */
      readonly factor: number;
      /** Never more than this; 0: no limit. */
      readonly most: number;
    }
  /** The next attempt gets the smallest of these that is more than it had. */
  | { readonly steps: readonly number[] };

/** Of one cause. */
export const MOST_GROWTH_STEPS = 100;

/** What an attempt is given in place of what its job asks for, after others ran out of it. */
export interface Asked {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** 0: no limit. */
  readonly timeoutMs: number;
}

export const EVENT_LOG_FORMATS = ['htcondor', 'json'] as const;
export type EventLogFormat = (typeof EVENT_LOG_FORMATS)[number];

export interface Life {
  readonly policy: JobPolicy;
  readonly growth: Readonly<Partial<Record<GrowingCause, Growth>>>;
  /** Null: the starts of its attempts are not kept. */
  readonly eventLog: {
    /** Absolute, on the server's machine; `''`: kept, but written nowhere. */
    readonly path: string;
    readonly format: EventLogFormat;
    /** The path is a template of the row: there is a file for each task. */
    readonly perTask: boolean;
  } | null;
}

/** What a job says that says nothing. */
export const NO_LIFE: Life = { policy: NO_POLICY, growth: {}, eventLog: null };

export const POLICY_LIMITS = { expressionCharacters: 64 << 10, retries: 1_000_000 } as const;
