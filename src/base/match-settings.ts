import type { SettingTable, ValuesOf } from './settings.ts';

/**
 * Who gets what, and what machines say about themselves. A settings file has them in the sections
 * [limits], [share], [share-weights] and [worker].
 */
export const matchSettings = {
  limits: {
    name: 'limits',
    value: 'name=n',
    type: 'amounts',
    default: '',
    doc: 'How much of what machines do not have may be in use at once, e.g. licence=10, db=4; jobs take of it as concurrency-limits says.',
  },
  shareHalfLifeMs: {
    name: 'share-half-life',
    value: 'duration',
    type: 'duration',
    default: '1 day',
    least: 1000,
    most: 365 * 86_400_000,
    doc: 'After this time what an owner has used counts half when slots are shared.',
  },
  shareWeights: {
    name: 'share-weights',
    value: 'owner=n',
    type: 'amounts',
    default: '',
    doc: 'Owners with another share than the others, e.g. ada=2: twice as much.',
  },
  workerStart: {
    name: 'worker-start',
    value: 'expr',
    type: 'text',
    default: '',
    defaultDoc: 'every job',
    doc: 'What must be true of a job (TARGET) for it to start on this machine (MY).',
  },
  workerRank: {
    name: 'worker-rank',
    value: 'expr',
    type: 'text',
    default: '',
    defaultDoc: 'all jobs alike',
    doc: 'Of the jobs that may start on this machine, those with a larger value go first.',
  },
  workerAd: {
    name: 'worker-ad',
    value: 'file',
    type: 'path',
    default: '',
    defaultDoc: 'none',
    doc: 'File with attributes of this machine, one `Name = expression` on each line; also Start and Rank.',
  },
} as const satisfies SettingTable;

type MatchValues = ValuesOf<typeof matchSettings>;

/** How slots are shared, as the server takes it. */
export interface SharingSettings {
  /** Most of each limit that may be in use at once, by lower-case name. */
  readonly limits: Readonly<Record<string, number>>;
  readonly halfLifeMs: number;
  /** Owners with another weight than 1. */
  readonly weights: Readonly<Record<string, number>>;
}

export const EQUAL_SHARES: SharingSettings = { limits: {}, halfLifeMs: 86_400_000, weights: {} };

export function sharingOf(values: MatchValues): SharingSettings {
  const limits = Object.entries(values.limits).map(([name, most]) => [name.toLowerCase(), most]);
  return {
    limits: Object.fromEntries(limits),
    halfLifeMs: values.shareHalfLifeMs,
    weights: values.shareWeights,
  };
}

/** What the owner of a machine says, its file not yet read. */
export interface WorkerPolicy {
  readonly start: string;
  readonly rank: string;
  /** Absolute, or `''`. */
  readonly file: string;
  /** `NAME=EXPRESSION`, as written. */
  readonly attributes: readonly string[];
}
