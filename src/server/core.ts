/**
 * What the server holds in memory, and nothing else holds: jobs, workers, leases. Only the files in
 * `reactor/` change it. Decisions take time as an argument from `clock`.
 */
import type { Clock, SharingSettings } from '#base';
import type { Ad, Ambient } from '#classad';
import type {
  Asked,
  JobId,
  JobSpec,
  JobState,
  MachineOffer,
  MachineWalls,
  PublishedFile,
  ResourceRequest,
  TaskChange,
  TaskIndex,
  TaskStateName,
  Ticket,
  TrapCategory,
} from '#model';
import type { SitePolicy } from '#policy';
import type { JobStatistics, SegmentStore } from '#results';
import type { Amounts, Matchmaker } from '#scheduler';
import type { TaskNote, WorkerOrder } from '#store';
import type { RowSource } from '#sweep';
import type { MachineFigures, PeerDoor, StoreReport } from '#wire';
import type { Activity } from './activity.ts';
import type { GroupCommit } from './commit.ts';
import type { WorkerData } from './data-orders.ts';
import type { RecentEnds } from './pace.ts';
import type { OwnerUse } from './reactor/sharing.ts';
import type { RowKinds } from './row-kinds.ts';
import type { SetAttributes } from './set-attributes.ts';
import type { TaskTable } from './task-table.ts';

export interface Job {
  readonly id: JobId;
  spec: JobSpec;
  readonly lineage: string;
  readonly key: string;
  readonly keyParts: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly rows: RowSource;
  readonly tasks: TaskTable;
  /** Null: requirements and rank look at no parameter. */
  kinds: RowKinds | null;
  /** What is special about tasks that are not final; final ones are looked up in the store. */
  readonly notes: Map<TaskIndex, TaskNote>;
  /** Changes that stand for notes of very many tasks, oldest first; tasks' own notes go before. */
  masses: readonly TaskChange[];
  /** Tickets of tasks that run more than once at a time. */
  readonly copies: Map<TaskIndex, Ticket[]>;
  state: JobState;
  stateReason: string;
  stateActor: string;
  stateAtMs: number;
  readonly submittedAtMs: number;
  collectedAtMs: number | null;
  /** Files that its collection has put into its output directory. */
  published: readonly PublishedFile[];
  /** It was removed, and its results are deleted, or about to be. */
  emptied: boolean;
  /** Others that are taking over its results at this moment. */
  takers: number;
  /** Why its inputs cannot be given out yet, or null: they can. */
  staging: string | null;
  /** Why its outputs could not be written the last time, or null. */
  collectionError: unknown;
  readonly results: SegmentStore;
  resultsEnd: { readonly segment: number; readonly bytes: number } | null;
  readonly statistics: JobStatistics;
  /** Changed since they were stored; stored within a second. */
  statisticsDirty: boolean;
  /** Changed in a way that replaying attempts does not bring back: stored with the next commit. */
  statisticsUrgent: boolean;
  /** Sequence of the last end of an attempt or change of a task of it in this process; 0: none yet. */
  lastSequence: number;
  readonly recent: RecentEnds;
}

/** Attempts that went out together; closed when the last has ended. */
export interface Grant {
  readonly firstTicket: Ticket;
  open: number;
}

export interface Lease {
  readonly ticket: Ticket;
  readonly job: JobId;
  readonly task: TaskIndex;
  readonly number: number;
  readonly worker: string;
  /** For people; known also when the worker is gone. */
  readonly workerName: string;
  readonly grantedAtMs: number;
  /** When it was granted, of the server's monotonic clock: it cannot be set, and jumps never. */
  readonly sinceMs: number;
  readonly grant: Grant;
  /** What it was given in place of what its job asks for. */
  readonly asked: Asked | null;
  readonly taken: Taken;
}

/** What a lease counts for, as it was when it began: a job that goes on may have changed since. */
export interface Taken {
  readonly request: ResourceRequest;
  readonly owner: string;
  readonly limits: readonly (readonly [name: string, amount: number])[];
}

/** An attempt whose worker was lost. After a restart of the server `worker` is not known: `''`. */
export interface LostLease extends Omit<Lease, 'grant'> {
  /** Wall time that the statistics count for it. */
  readonly countedMs: number;
}

export interface Worker {
  readonly id: string;
  name: string;
  platform: string;
  version: string;
  address: string;
  /** `sync`: Windrow's own; `open`: one attempt of a client of the open protocol. */
  readonly kind: 'sync' | 'open';
  slots: number;
  memoryBytes: number;
  diskFreeBytes: number;
  walls: MachineWalls | null;
  /** Null: not told yet, and nothing is given to it. */
  offer: MachineOffer | null;
  /** Tells of this very worker, always as it is. */
  ad: Ad;
  /** Whole devices that attempts may ask for. */
  gpus: number;
  /** Null until it has told. */
  machine: MachineFigures | null;
  /** Of the server's monotonic clock: when it ends by itself; null when nobody has said. */
  endsAtMs: number | null;
  draining: boolean;
  state: 'active' | 'draining' | 'paused' | 'lost';
  stateReason: string;
  stateActor: string;
  stateAtMs: number;
  /** Of its latest sync: one that was sent before and comes after it says nothing true any more. */
  sequence: number;
  /** Of the server's monotonic clock. */
  lastHeardMs: number;
  lastHeardAtMs: number;
  /** It is lost when it is silent for longer than this. */
  leaseMs: number;
  readonly leases: Set<Ticket>;
  /** What was promised to the attempts that it holds. */
  used: Amounts;
  /** Failures in a row that were the machine's doing. */
  machineFailures: number;
  /** Of the server's monotonic clock; 0: it was not the server that paused it. */
  pausedUntilMs: number;
  /** What it must be told to stop, until it holds it no more. */
  readonly cancels: Map<Ticket, 'superseded' | 'cancelled'>;
  /** Jobs that its START, looked at there, did not let in a moment ago. */
  declines: ReadonlySet<JobId>;
  /** Jobs that it was told, each as it was then: one that is submitted again may say other things. */
  readonly described: Map<JobId, JobSpec>;
  /** A job was paused of which it may hold attempts that have not started: it is to hear so soon. */
  recall: boolean;
  readonly data: WorkerData;
  /** Where others may get what it has; null: nowhere. */
  peer: PeerDoor | null;
  /** Name of the worker that gets files for it; `''`: none. */
  stager: string;
  /** What its store of inputs has done; null until it has told. */
  inputStore: StoreReport | null;
  readonly totals: WorkerTotals;
  readonly firstSeenMs: number;
  /** The same moment on the server's monotonic clock. */
  readonly firstHeardMs: number;
}

/** What a worker has done since it connected. */
export interface WorkerTotals {
  done: number;
  failed: number;
  /** Sums over its ended attempts: wall time times slots, and CPU time where it was measured. */
  busyMs: number;
  cpuMs: number;
}

/** The site's policies as they are in force. */
export interface SiteRules {
  readonly policy: SitePolicy;
  /** What workers get. */
  readonly text: string;
  /** `''`: there are none. */
  readonly version: string;
}

export interface Settings {
  readonly leaseMs: number;
  /** `Ping=` of the open protocol, seconds. */
  readonly pingSeconds: number;
  readonly sharing: SharingSettings;
  readonly stagerPatienceMs: number;
}

/** A stored file that was found damaged and set aside. */
export interface DataDamage {
  readonly key: string;
  readonly reason: string;
  /** On whose machine; `''`: the server's own. */
  readonly worker: string;
}

/** Something that happened, for those who watch; told only after it is durable. */
export type Happening =
  | { readonly kind: 'job'; readonly job: JobId }
  | { readonly kind: 'progress'; readonly job: JobId }
  | {
      readonly kind: 'task';
      readonly job: JobId;
      readonly task: TaskIndex;
      readonly state: TaskStateName;
      readonly ticket: Ticket | null;
      readonly cause: string | null;
      readonly reason: string;
      readonly actor: string;
    }
  | { readonly kind: 'worker'; readonly worker: string }
  | {
      readonly kind: 'trap';
      readonly trap: string;
      readonly node: string;
      readonly fileSystem: string;
      readonly category: TrapCategory;
      readonly message: string;
      readonly condition: string;
      readonly isOver: boolean;
    }
  | ({ readonly kind: 'data' } & DataDamage)
  | {
      readonly kind: 'trace';
      readonly trace: string;
      readonly name: string;
      readonly bytes: number;
    };

export interface Core {
  readonly clock: Clock;
  /** Changes when its file does. */
  site: SiteRules;
  readonly settings: Settings;
  readonly commit: GroupCommit;
  readonly activity: Activity;
  readonly jobs: Map<JobId, Job>;
  /** Jobs with tasks that are not final, in the order of their numbers. */
  readonly active: Set<JobId>;
  readonly workers: Map<string, Worker>;
  /** Slots of every worker ever seen, by name, for figures of jobs that are over. */
  readonly slotsByName: Map<string, number>;
  /** What workers were told to do, also those that are lost or have not come back since a restart. */
  readonly orders: Map<string, WorkerOrder>;
  readonly leases: Map<Ticket, Lease>;
  /** The latest on each machine, by worker. */
  readonly damages: Map<string, DataDamage & { readonly atMs: number }>;
  /** By owner. */
  readonly uses: Map<string, OwnerUse>;
  /** What programs have set in the ads of their tasks. */
  readonly set: SetAttributes;
  /** How much of each limit attempts under way have taken. */
  readonly limitsUsed: Map<string, number>;
  /** What expressions see of the world. */
  readonly ambient: Ambient;
  readonly matchmaker: Matchmaker;
  /** The latest plan had no time for everything: another is due. */
  isPlanUnfinished: boolean;
  /** Attempts of lost workers; such a worker may come back with a result that is still wanted. */
  readonly lost: Map<Ticket, LostLease>;
  nextTicket: Ticket;
  /** Names of what workers were told to hold, see `WorkerData`. */
  nextDataTag(): string;
  nextJob: JobId;
  /** Sequence of the last end of an attempt or change of tasks, kept in step with the store's. */
  sequence: number;
  /** Why nothing is handed out, e.g. because the server is stopping; null when it is. */
  stopped: string | null;
  /** Why nothing new is begun although everything still becomes durable: the disk is nearly full. */
  diskLow: string | null;
  /** Why traces may find no room; null where they do, or none are taken. */
  tracesLow: string | null;
  /** Workers are told to finish and end. */
  draining: boolean;
  /** Work may be there for workers that wait. */
  wake(): void;
  /** The same in a while; the earliest of several such times counts. */
  wakeIn(ms: number): void;
  /** Brings what a job names by URL and the server lacks; until then nothing of it starts. */
  stage(job: Job): void;
  /** A worker could not get what the job needs: what the server keeps of it is looked at. */
  suspectInputs(job: Job): void;
  /** Good ends that wait for the job's validator. */
  check(job: Job, task: TaskIndex): void;
  happened(what: Happening): void;
  /** All tasks of a job are final or held, or nothing more of it is wanted. */
  finished(job: Job): void;
}
