/**
 * The batched exchange between Windrow's worker and server: `POST /sync`, one at a time per
 * worker, long polling. The worker reports ended attempts and everything it still holds; the
 * server answers with new attempts and what to stop. Both directions are closed: a message kind
 * that nobody handles does not compile.
 *
 * Exactly-once rests on three facts: a worker repeats an end until a sync that carried it was
 * answered; the server ignores ends of tickets that are not current; and `holding` lists every
 * ticket the worker knows, so that a grant whose answer was lost goes back at the next sync.
 */
import type {
  Asked,
  AttemptEnd,
  ChirpWish,
  Command,
  Digest,
  Hold,
  Input,
  Isolation,
  JobId,
  MachineOffer,
  MachineWalls,
  ProgramBuild,
  ResourceRequest,
  ResultSource,
  SetAttribute,
  TaskIndex,
  Ticket,
} from '#model';
import type { ClientOffer } from './client-offer.ts';
import type { Errand } from './errand.ts';
import type { PeerDoor } from './peers.ts';

/**
 * 2: what is empty is left out of ends of attempts and grants (`brief-sync.ts`). 3: those that are
 * alike travel in columns (`runs-of-ends.ts`, `runs-of-grants.ts`).
 */
export const PROTOCOL_VERSION = 3;

export interface SyncRequest {
  readonly protocol: number;
  /** Random, chosen by the worker at its start; another process is another worker. */
  readonly worker: string;
  /**
   * The worker that had this worker's directory before and is known to be dead, or null: its
   * attempts are lost at once instead of when its lease ends.
   */
  readonly replaces: string | null;
  /** Name for people, e.g. the host name. */
  readonly name: string;
  readonly version: string;
  readonly platform: string;
  /** Counts up with each sync of this worker; a repeated number is the same sync sent again. */
  readonly sequence: number;
  readonly slots: number;
  readonly freeSlots: number;
  readonly memoryBytes: number;
  readonly diskFreeBytes: number;
  /** Null until the worker has tried what it can. */
  readonly walls: MachineWalls | null;
  /** Its policy and attributes: told at first and when asked; null: as told before. */
  readonly offer: MachineOffer | null;
  /** Whole devices that attempts may ask for. */
  readonly gpus: number;
  readonly machine: MachineFigures;
  /** It may be silent by choice for so long before it counts as lost; 0: for the server's lease. */
  readonly awayMs: number;
  /** How long until it ends by itself; null: nobody has said. */
  readonly remainingMs: number | null;
  /** Its clock at sending, the one that the times of `ended` are of: only differences count. */
  readonly atMs: number;
  /** How long the server may keep the answer back when it has nothing to say. */
  readonly waitMs: number;
  /** True while the worker takes no new attempts (it is asked to stop). */
  readonly draining: boolean;
  /** Tickets the worker holds: staged, running or ended but not yet in `ended`. */
  readonly holding: readonly Ticket[];
  readonly ended: readonly EndedAttempt[];
  /** Version of the site's policies that it goes by; `''`: it has none. */
  readonly policyVersion: string;
  /** Jobs that its START, looked at there, did not let in a moment ago. */
  readonly declined: readonly JobId[];
  /** Jobs whose description the worker has. */
  readonly knownJobs: readonly JobId[];
  /** Version of the data wishes that the worker knows; `''`: none. */
  readonly dataVersion: string;
  /** What has changed about them since the last answered sync. */
  readonly data: readonly DataNews[];
  /** Where others may get what it has; null: nowhere. */
  readonly peer: PeerDoor | null;
  /** Name of the worker from which it gets files that are there; `''`: from whomever has them. */
  readonly stager: string;
  /** What its store of inputs has done; null: it was not used yet. */
  readonly store: StoreReport | null;
}

/** Counts since the worker began. */
export interface StoreReport {
  readonly hits: number;
  readonly misses: number;
  readonly fetchedBytes: number;
  readonly damaged: number;
  /** Of those the ones that the server does not know of yet. */
  readonly damages: readonly DamageNews[];
}

/** A stored file that was not what it had been, and was set aside. */
export interface DamageNews {
  /** Counts up; the server takes each once. */
  readonly number: number;
  readonly key: string;
  readonly reason: string;
}

/**
 * What the worker found out about one blob of the wishes. `tried`: it could not be had; the attempt
 * that needs it will say why.
 */
export interface DataNews {
  readonly blob: Digest;
  readonly state: 'here' | 'absent' | 'tried';
}

/**
 * A file that jobs need before they start. All wishes together are what the worker holds ready; what
 * is not among them any more it may forget.
 */
export interface DataWish {
  readonly blob: Digest;
  readonly bytes: number;
  /** Where it comes from, when the worker is to ask there first. */
  readonly origin: string | null;
  /** False: only to be looked for. */
  readonly fetch: boolean;
}

/** How loaded the machine is and how far away, as the worker sees it. */
export interface MachineFigures {
  readonly cpus: number;
  /** Of the last minute, as the kernel counts it. */
  readonly loadAverage: number;
  readonly memoryFreeBytes: number;
  /** Of the last renewal of its lease, to the server and back; null before the first. */
  readonly roundTripMs: number | null;
  /** Processes of attempts that SIGKILL did not end and that are still there. */
  readonly unkillable: number;
}

/** An end with what the attempt produced. Large parts were uploaded before, by ticket and name. */
export interface EndedAttempt extends AttemptEnd {
  readonly parts: readonly SentPart[];
  /** Last line of stderr, at most 500 characters: for failure signatures. */
  readonly lastErrorLine: string;
  /** A policy has decided of it where it ran: why is its `reason`. Null: none has. */
  readonly ruling: PolicyRuling | null;
  /** Trouble that is more than this attempt's own, a sentence each; nearly always none. */
  readonly remarks: readonly string[];
}

export interface PolicyRuling {
  readonly to: 'held' | 'removed' | 'waiting';
  /** Of `held`. */
  readonly hold: Hold | null;
}

export type SentPart = {
  readonly name: string;
  readonly kind: 'result' | 'log';
  readonly file: string;
  readonly cutBytes: number;
} & (
  | { readonly text: string }
  | { readonly base64: string }
  /** Uploaded by `PUT /parts/<ticket>/<index>` before; the server verifies length and digest. */
  | { readonly uploaded: number; readonly bytes: number; readonly sha256: Digest }
);

export interface SyncResponse {
  readonly protocol: number;
  /** Descriptions of jobs that `attempts` name and the worker did not know. */
  readonly jobs: readonly JobDescription[];
  readonly attempts: readonly GrantedAttempt[];
  /**
   * Stop these: superseded, cancelled, or not current any more. One that is recalled (its job is
   * paused) is only given back when it has not started.
   */
  readonly cancel: readonly {
    readonly ticket: Ticket;
    readonly cause: 'superseded' | 'cancelled' | 'recalled';
  }[];
  readonly errands: readonly Errand[];
  /** Null: as the version says that the worker knows. */
  readonly data: { readonly version: string; readonly wishes: readonly DataWish[] } | null;
  readonly settings: {
    /** The worker is lost when nothing was heard of it for this long. */
    readonly leaseMs: number;
    readonly slots: number | null;
    /** Finish what runs, take nothing new, then end. */
    readonly drain: boolean;
    /** Kill what runs, report it as cancelled, then end. */
    readonly stop: boolean;
    /** The executable of a server that is newer than the worker, or null. */
    readonly client: ClientOffer | null;
    /** The site's policies where the worker has others; null: it has these. */
    readonly policy: { readonly version: string; readonly text: string } | null;
    /** A job asks for walls: the worker is to find out which it can put up, and say so. */
    readonly tellWalls: boolean;
    /** The server does not know the worker's offer, and gives it nothing before it does. */
    readonly tellOffer: boolean;
  };
}

/** What a worker needs to know of a job once. */
export interface JobDescription {
  readonly id: JobId;
  readonly name: string;
  /** Whose job it is; `''`: not said. */
  readonly owner: string;
  readonly columns: readonly string[];
  readonly command: Command;
  readonly inputs: readonly Input[];
  readonly results: readonly ResultSource[];
  readonly programName: string;
  readonly programs: readonly ProgramBuild[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory:
    | { readonly kind: 'scratch' }
    | { readonly kind: 'submit'; readonly path: string };
  readonly timeoutMs: number;
  readonly killGraceMs: number;
  readonly request: ResourceRequest;
  readonly isolation: Isolation;
  readonly logBytes: number;
  readonly resultBytes: number;
  /** At its end the worker removes the job's program, and itself, if this session put them there. */
  readonly deleteWorker: boolean;
  readonly deleteClient: boolean;
  readonly chirp: ChirpWish;
  /** The exit code that counts as success. */
  readonly successExitCode: number;
  /** The job's ad, in brackets; `''`: nobody here has a use for it. */
  readonly ad: string;
}

export interface GrantedAttempt {
  readonly ticket: Ticket;
  readonly job: JobId;
  readonly task: TaskIndex;
  /** 1 for the task's first attempt. */
  readonly number: number;
  /** The row's cells, in the order of the job's columns. */
  readonly cells: readonly string[];
  /** What policies may ask of its earlier attempts; null: there were none. */
  readonly past: TaskPast | null;
  /** In place of what its job asks for; null: that. */
  readonly asked: Asked | null;
}

export interface TaskPast {
  readonly holds: number;
  readonly completions: number;
  readonly lastHold: (Hold & { readonly reason: string }) | null;
  /** That its programs have set. */
  readonly attributes: readonly SetAttribute[];
}

/** `POST /renew`: sent by the worker's pulse thread; renews the leases of all it holds. */
export interface RenewRequest {
  readonly worker: string;
}
