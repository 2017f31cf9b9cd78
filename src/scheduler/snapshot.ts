/** What the scheduler sees: kinds of work and places, never single waiting tasks. */
import type { Ad } from '#classad';
import type { Isolation, JobId, MachineWalls, ResourceRequest, Ticket } from '#model';
import type { Lack } from './locality.ts';

export interface JobView {
  /** Of this view: parts of a job that are matched by themselves have one each. */
  readonly id: JobId;
  readonly job: JobId;
  readonly paused: boolean;
  /** Among the jobs of one owner, larger first. */
  readonly priority: number;
  /** Whom its use counts for. */
  readonly owner: string;
  /** How much of each limit one attempt takes. */
  readonly limits: readonly (readonly [name: string, amount: number])[];
  readonly ad: Ad;
  readonly request: ResourceRequest;
  readonly isolation: Isolation;
  /** Tasks that may start now. */
  readonly ready: number;
  /** Tasks that wait for a time to pass before they are tried again. */
  readonly delayed: number;
  readonly running: number;
  readonly idempotent: boolean;
  /** Typical wall time of its good attempts; null while none has ended. */
  readonly medianWallMs: number | null;
  /** Why the server cannot give its inputs out yet; null when it can. */
  readonly staging: string | null;
  /** Slots of workers that have all of its data, and of those that are getting it. */
  readonly dataSlots: { readonly here: number; readonly coming: number };
}

export const NO_DATA_SLOTS: JobView['dataSlots'] = { here: 0, coming: 0 };

/** What attempts take away from each other. */
export type Amounts = Readonly<Record<'cpus' | 'memoryBytes' | 'diskBytes' | 'gpus', number>>;

export const NO_AMOUNTS: Amounts = { cpus: 0, memoryBytes: 0, diskBytes: 0, gpus: 0 };

/** `used` with `count` requests more, or less where `count` is negative; never below nothing. */
export function withRequests(used: Amounts, request: ResourceRequest, count: number): Amounts {
  return {
    cpus: Math.max(0, used.cpus + count * request.cpus),
    memoryBytes: Math.max(0, used.memoryBytes + count * request.memoryBytes),
    diskBytes: Math.max(0, used.diskBytes + count * request.diskBytes),
    gpus: Math.max(0, used.gpus + count * request.gpus),
  };
}

export interface WorkerView {
  readonly id: string;
  readonly ad: Ad;
  /** It has told its policy, so that `ad` is whole. */
  readonly isKnown: boolean;
  readonly slots: number;
  /** Processes that SIGKILL does not end; each attempt that left some keeps its slot. */
  readonly unkillable: number;
  /** Attempts it asks for, its queue included. */
  readonly asksFor: number;
  /** 0: not said. */
  readonly memoryBytes: number;
  /** Null: not said yet, or it has none to offer. */
  readonly walls: MachineWalls | null;
  /** What is free now; 0: not said. */
  readonly diskFreeBytes: number;
  readonly gpus: number;
  /** What was promised to the attempts that it holds. */
  readonly used: Amounts;
  readonly draining: boolean;
  /** Until it ends by itself; null: nobody has said. */
  readonly remainingMs: number | null;
  /** Taken out because its attempts failed in a row for reasons of the machine. */
  readonly paused: boolean;
  /** What it lacks of the data of jobs; those that it lacks nothing of are not in it. */
  readonly lacks: ReadonlyMap<JobId, Lack>;
  /** Jobs that its START, looked at there, did not let in a moment ago. */
  readonly declines: ReadonlySet<JobId>;
}

export const NO_LACKS: WorkerView['lacks'] = new Map();
export const NO_DECLINES: WorkerView['declines'] = new Set();

/** What an owner has used, and how much of the whole is his. */
export interface Share {
  /** CPUs in use, averaged over the past with a half-life. */
  readonly averageCpus: number;
  /** 2: twice the share of one with 1. */
  readonly weight: number;
}

/** A running attempt that could be given a second copy. */
export interface RunningView {
  readonly ticket: Ticket;
  readonly job: JobId;
  readonly worker: string;
  readonly runningMs: number;
  readonly copies: number;
}

/** A limit on how much may be in use at once, of something that machines do not have: licences. */
export interface Limit {
  readonly most: number;
  readonly used: number;
}

export interface Snapshot {
  readonly jobs: readonly JobView[];
  /** Workers that wait for an answer now. */
  readonly asking: readonly WorkerView[];
  /** Slots of all workers that take work. */
  readonly totalSlots: number;
  /** Oldest first; only looked at when nothing waits. */
  readonly running: readonly RunningView[];
  /** Of owners with jobs: how much each has used of late; who is missing has used nothing. */
  readonly shares: ReadonlyMap<string, Share>;
  /** By name; a name that is missing has no limit. */
  readonly limits: ReadonlyMap<string, Limit>;
  /** Why nothing may be handed out at all, e.g. a full disk; null when it may. */
  readonly stopped: string | null;
}

export interface Plan {
  readonly grants: readonly {
    readonly worker: string;
    readonly job: JobId;
    readonly count: number;
  }[];
  /** Second copies of stragglers. */
  readonly copies: readonly { readonly worker: string; readonly ticket: Ticket }[];
  /** Workers that are to get the data of a job. */
  readonly fetches: readonly { readonly worker: string; readonly job: JobId }[];
  /** A worker's patience ends then: the same snapshot would give another plan. Null: none does. */
  readonly lookAgainMs: number | null;
  /** There was no time to match everything: plan once more, soon. */
  readonly isUnfinished: boolean;
}
