/**
 * What the server asks of durable memory. One contract for every database, one suite
 * (`suite.ts`) that each must pass. The server keeps the current state of tasks in memory; the
 * store holds what is needed to have that state again, and the history.
 */
import type {
  Asked,
  AttemptFacts,
  AttemptRecord,
  Hold,
  JobId,
  JobSpec,
  JobState,
  PublishedFile,
  RecordPlace,
  SetAttribute,
  TaskChange,
  TaskIndex,
  TaskStateName,
  Ticket,
} from '#model';

export interface StoredTable {
  /** Names the file in the server's table folder: SHA-256 of the bytes and the format. */
  readonly id: string;
  readonly format: string;
  /** What the user called it, for messages. */
  readonly file: string;
  readonly rows: number;
  readonly columns: readonly string[];
  readonly addedAtMs: number;
}

export interface StoredJob {
  readonly id: JobId;
  readonly spec: JobSpec;
  /** Jobs of one lineage may take over each other's results. */
  readonly lineage: string;
  /** Digest of all that makes a result what it is, but for the row. */
  readonly key: string;
  /** The parts of `key`, to explain why something runs again. */
  readonly keyParts: Readonly<Record<string, string>>;
  readonly rows: number;
  readonly columns: readonly string[];
  readonly state: JobState;
  readonly stateReason: string;
  readonly stateActor: string;
  readonly stateAtMs: number;
  readonly submittedAtMs: number;
  /** End of the job's results that is known to be on disk; null when there are none. */
  readonly resultsEnd: { readonly segment: number; readonly bytes: number } | null;
  /** When the outputs were last written, null if never. */
  readonly collectedAtMs: number | null;
  readonly published: readonly PublishedFile[];
  /** It was removed, and its results and history are deleted, or about to be. */
  readonly emptied: boolean;
}

/** Attempts given to one worker at once; tickets count up from `firstTicket`. */
export interface StoredGrant {
  readonly firstTicket: Ticket;
  readonly job: JobId;
  readonly worker: string;
  readonly workerName: string;
  /** Runs of neighbouring tasks, `[first, count]`, in ticket order. */
  readonly tasks: readonly (readonly [TaskIndex, number])[];
  readonly grantedAtMs: number;
}

/** What is remembered of a task beyond its state byte; most tasks have none. */
export interface TaskNote {
  readonly job: JobId;
  readonly task: TaskIndex;
  readonly state: TaskStateName;
  readonly reason: string;
  readonly actor: string;
  readonly atMs: number;
  /** Attempts so far; the next one is number `attempts + 1`. */
  readonly attempts: number;
  /** How often each cause has ended an attempt since the task last became waiting by command. */
  readonly failures: Readonly<Record<string, number>>;
  /** Signature of the failure that made it fail for good; `''` otherwise. */
  readonly signature: string;
  /** Not to be started before; 0: at once. */
  readonly notBeforeMs: number;
  /** What is to become of it when what runs of it has been stopped; null: nothing special. */
  readonly ruling: TaskRuling | null;
  /** Why it is held, as numbers; null when it is not. */
  readonly hold: Hold | null;
  /** How often it was held so far. */
  readonly holds: number;
  /** The last hold that was released. */
  readonly lastHold: (Hold & { readonly reason: string }) | null;
  /** What its next attempt is given in place of what its job asks for; null: nothing else. */
  readonly asked: Asked | null;
  /** How often its program came to its own end: not killed, lost or given back. */
  readonly completions: number;
  /** A good end that waits for the validator's verdict, or was held because of the validator. */
  readonly unchecked: AttemptRecord | null;
}

/** Somebody, or a policy, has decided about a task that still runs. */
export interface TaskRuling {
  readonly to: 'held' | 'removed' | 'waiting';
  /** Of `held`. */
  readonly hold: Hold | null;
  readonly reason: string;
  readonly actor: string;
}

export interface StoredEvent {
  readonly sequence: number;
  readonly atMs: number;
  readonly job: JobId | null;
  readonly kind: string;
  readonly actor: string;
  readonly text: string;
}

export interface StoredWorker {
  readonly id: string;
  readonly name: string;
  readonly platform: string;
  readonly slots: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** It may be silent for so long before it counts as lost; 0: for the server's lease. */
  readonly awayMs: number;
  /** What somebody has told it to do; null: to work as usual. */
  readonly order: WorkerOrder | null;
}

export interface WorkerOrder {
  readonly state: 'paused' | 'draining';
  readonly reason: string;
  readonly actor: string;
  readonly atMs: number;
}

/** What an owner of jobs has used: CPUs in use on average, as of a moment. */
export interface StoredShare {
  readonly owner: string;
  readonly averageCpus: number;
  readonly atMs: number;
}

/** Everything that may change, applied in order, all or nothing. */
export type Change =
  | { readonly kind: 'table-added'; readonly table: StoredTable }
  | { readonly kind: 'job-added'; readonly job: StoredJob }
  | {
      readonly kind: 'job-state';
      readonly job: JobId;
      readonly state: JobState;
      readonly reason: string;
      readonly actor: string;
      readonly atMs: number;
    }
  | { readonly kind: 'job-spec'; readonly job: JobId; readonly spec: JobSpec }
  /** Its results end is forgotten with it. */
  | { readonly kind: 'job-emptied'; readonly job: JobId }
  | {
      readonly kind: 'job-collected';
      readonly job: JobId;
      readonly atMs: number;
      readonly published: readonly PublishedFile[];
    }
  | {
      readonly kind: 'results-end';
      readonly job: JobId;
      readonly segment: number;
      readonly bytes: number;
    }
  | { readonly kind: 'granted'; readonly grant: StoredGrant; readonly nextTicket: Ticket }
  | { readonly kind: 'grant-closed'; readonly firstTicket: Ticket }
  | {
      readonly kind: 'attempt-ended';
      /** Its place in the order of ends; the server counts up from `lastSequence`. */
      readonly sequence: number;
      readonly attempt: AttemptRecord;
      /** Its results are the task's results. */
      readonly accepted: boolean;
    }
  /** A lost attempt came back with a result after all; its earlier end is forgotten. */
  | {
      readonly kind: 'attempt-redeemed';
      readonly job: JobId;
      readonly task: TaskIndex;
      readonly ticket: Ticket;
    }
  /** State bytes of the tasks from `segment * SEGMENT_TASKS`; the last segment is shorter. */
  | {
      readonly kind: 'states';
      readonly job: JobId;
      readonly segment: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'tasks-changed'; readonly change: TaskChange }
  /** An event log tells everything up to `through`. */
  | {
      readonly kind: 'event-log';
      readonly path: string;
      readonly through: number;
      readonly bytes: number;
    }
  | { readonly kind: 'note'; readonly note: TaskNote }
  /** A program has set it in the ad of its task; the task -1 stands for the job. */
  | {
      readonly kind: 'attribute-set';
      readonly job: JobId;
      readonly task: TaskIndex;
      readonly attribute: SetAttribute;
    }
  | { readonly kind: 'note-cleared'; readonly job: JobId; readonly task: TaskIndex }
  | {
      readonly kind: 'statistics';
      readonly job: JobId;
      /** Sequence of the last attempt folded into `json`. */
      readonly through: number;
      readonly json: string;
    }
  | {
      readonly kind: 'event';
      readonly atMs: number;
      readonly job: JobId | null;
      readonly event: string;
      readonly actor: string;
      readonly text: string;
    }
  | { readonly kind: 'share'; readonly share: StoredShare }
  /** His use is so long ago that it counts for nothing. */
  | { readonly kind: 'share-forgotten'; readonly owner: string }
  | { readonly kind: 'worker'; readonly worker: Omit<StoredWorker, 'order'> }
  | {
      readonly kind: 'worker-ordered';
      readonly worker: string;
      readonly order: WorkerOrder | null;
    };

/** An ended attempt with its place in the order of ends. */
export interface AttemptRow extends AttemptRecord {
  readonly sequence: number;
  readonly accepted: boolean;
}

/** What may be left unread of the end of an attempt. */
export type GlimpseField =
  | 'worker'
  | 'cause'
  | 'exitCode'
  | 'signal'
  | 'reason'
  | 'signature'
  | 'startedAtMs'
  | Exclude<keyof NonNullable<AttemptFacts['usage']>, 'sources'>;

/** An ended attempt of which only some fields were read; the others are null, 0 or empty. */
export interface Glimpse extends AttemptFacts {
  readonly endedAtMs: number;
  readonly sequence: number;
  readonly job: JobId;
  readonly task: TaskIndex;
  readonly next: TaskStateName | null;
}

/** A task's accepted results. */
export interface CollectedRow {
  readonly sequence: number;
  readonly task: TaskIndex;
  readonly ticket: Ticket;
  readonly place: RecordPlace | null;
  /** The job in whose segments `place` lies, when it is another one. */
  readonly reusedFrom: JobId | null;
}

export interface Store {
  /**
   * Resolved means durable: it survives the loss of power. Rejected means nothing was changed, but
   * after `STATE_SYNC_FAILED` only the disk knows: the store is to be opened anew. One at a time.
   */
  commit(changes: readonly Change[]): Promise<void>;

  jobs(): Promise<StoredJob[]>;
  tables(): Promise<StoredTable[]>;
  grants(): Promise<StoredGrant[]>;
  workers(): Promise<StoredWorker[]>;
  shares(): Promise<StoredShare[]>;
  /** 1 on a fresh store. */
  nextTicket(): Promise<Ticket>;
  /** Sequence of the last end of an attempt or change of tasks, 0 if there is none. */
  lastSequence(): Promise<number>;
  states(job: JobId): Promise<{ segment: number; bytes: Uint8Array }[]>;
  statistics(job: JobId): Promise<{ through: number; json: string } | null>;

  /** Notes in task order from `from`, at most `limit`. */
  notes(job: JobId, from: TaskIndex, limit: number): Promise<TaskNote[]>;
  note(job: JobId, task: TaskIndex): Promise<TaskNote | null>;
  /** Attributes that programs have set in the ad of a task, in any order; -1: of the job. */
  attributesOf(job: JobId, task: TaskIndex): Promise<SetAttribute[]>;
  /** A task's attempts, oldest first. */
  attemptsOfTask(job: JobId, task: TaskIndex): Promise<AttemptRow[]>;
  /** Tickets of ended attempts of the `count` tasks from `first`. */
  endedTickets(job: JobId, first: TaskIndex, count: number): Promise<Ticket[]>;
  /** Ends of attempts after `sequence`, in the order they ended, at most `limit`. */
  attemptsAfter(job: JobId, sequence: number, limit: number): Promise<AttemptRow[]>;
  /** Ends of attempts before `sequence`, the latest first, at most `limit`; of one job, or of all. */
  attemptsBefore(job: JobId | null, sequence: number, limit: number): Promise<AttemptRow[]>;
  /** As `attemptsBefore`, but only these fields of each are read: a tenth of the time. */
  glimpsesBefore(
    job: JobId | null,
    sequence: number,
    limit: number,
    fields: readonly GlimpseField[],
  ): Promise<Glimpse[]>;
  /** The end of the attempt that has this place in their order. */
  attemptAt(sequence: number): Promise<AttemptRow | null>;
  /** Changes of tasks after `sequence`, in their order, at most `limit`. */
  changesAfter(job: JobId, sequence: number, limit: number): Promise<TaskChange[]>;
  eventLogs(): Promise<{ path: string; through: number; bytes: number }[]>;
  /** Those that stand for notes of their tasks, in their order. */
  massChanges(job: JobId): Promise<TaskChange[]>;
  /** Attempts that ended with their worker, the latest first, at most `limit`. */
  lostAttempts(job: JobId, limit: number): Promise<AttemptRow[]>;
  /** Accepted results after task `after` in table order, at most `limit`. */
  collectedByTask(job: JobId, after: TaskIndex, limit: number): Promise<CollectedRow[]>;
  /** Accepted results after `sequence` in the order they ended, at most `limit`. */
  collectedByEnd(job: JobId, sequence: number, limit: number): Promise<CollectedRow[]>;
  /** Whether a job has attempts whose results lie in the segments of `home`. */
  reuses(job: JobId, home: JobId): Promise<boolean>;
  /**
   * Deletes some ends of attempts and notes of a job, at most `limit` of each; false when there were
   * none. Atomic, but durable only with the next commit.
   */
  forget(job: JobId, limit: number): Promise<boolean>;
  /** Events after one of them, oldest first, at most `limit`; of one job, or of all. */
  events(after: number, job: JobId | null, limit: number): Promise<StoredEvent[]>;
  /** A job's latest events, oldest first. */
  latestEvents(job: JobId, limit: number): Promise<StoredEvent[]>;

  close(): Promise<void>;
}
