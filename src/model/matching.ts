/** What a job says about the machines it wants, and about whose it is. */
export interface Matching {
  /** An expression that must be true of a machine (`TARGET`) for the job (`MY`) to run there; `''`: any. */
  readonly requirements: string;
  /** An expression: of machines that will do, those with a larger value are taken first; `''`: none. */
  readonly rank: string;
  /** Attributes of its own in its ad: name → expression, e.g. `Project` → `"cms"`, quotes included. */
  readonly attributes: Readonly<Record<string, string>>;
  /** How much of each of the server's limits one attempt takes, by lower-case name. */
  readonly concurrencyLimits: Readonly<Record<string, number>>;
  /** Whose job it is, e.g. the login name; `''`: not said. */
  readonly owner: string;
  /** The group that the owner's use counts for, e.g. `physics.cms`; `''`: none. */
  readonly accountingGroup: string;
}

/** What a job says that says nothing. */
export const NO_MATCHING: Matching = {
  requirements: '',
  rank: '',
  attributes: {},
  concurrencyLimits: {},
  owner: '',
  accountingGroup: '',
};

/** Names of concurrency limits, also as `group.part`. */
export const LIMIT_NAME = /^[a-z_][a-z0-9_]*(?:\.[a-z0-9_]+)*$/;

/** Of one job. */
export const MATCHING_LIMITS = {
  expressionCharacters: 64 << 10,
  attributes: 500,
  concurrencyLimits: 100,
} as const;

/** Who a job's use counts for in the fair share: the owner, or the owner within a group. */
export function shareOf({ owner, accountingGroup }: Matching): string {
  return accountingGroup === '' ? owner : `${accountingGroup}.${owner}`;
}

/** `licence:2,db`, as HTCondor writes limits; in the order of their writing. */
export function printLimits(limits: Matching['concurrencyLimits']): string {
  return Object.entries(limits)
    .map(([name, amount]) => (amount === 1 ? name : `${name}:${amount}`))
    .join(',');
}
