/** What the worker needs from outside: the smallest shapes that serve it. */
import type { Clock } from '#base';
import type { Outcome, PluginTransfer } from '#datastore';
import type { MachineOffer } from '#model';
import type { Gpu, Starter, Walls } from '#sandbox';
import type { JobDescription, PeerDoor, ServerClient } from '#wire';
import type { RunErrand } from './errands.ts';
import type { WorkerStore } from './lazy-store.ts';
import type { Successor } from './successor.ts';

/** Where the server is now. A local server that was started again may have another port. */
export interface Endpoint {
  /** `http://HOST:PORT` or `https://…`, without a path. */
  readonly url: string;
  readonly session: string;
}

/** Facts first, then one sentence, as pino has it. */
export interface AgentLog {
  debug(facts: object, sentence: string): void;
  info(facts: object, sentence: string): void;
  warn(facts: object, sentence: string): void;
  error(facts: object, sentence: string): void;
}

/**
 * The conversation with one server, as `ServerClient` holds it. Every rejection is a
 * `WindrowError`, the server's own or one that says what became of the connection.
 */
export type ServerLink = Pick<
  ServerClient,
  | 'url'
  | 'sync'
  | 'uploadPart'
  | 'openBlob'
  | 'postJson'
  | 'describeClient'
  | 'fetchClient'
  | 'close'
>;

/** The GPUs of the machine that attempts may be given. */
export interface GpuRack {
  readonly gpus: readonly Gpu[];
  /** What a program that was given these finds in its environment; see `gpuVariables`. */
  variablesFor(given: readonly Gpu[]): Readonly<Record<string, string>>;
  /** Device nodes that it needs; see `gpuNodes`. */
  nodesFor(given: readonly Gpu[]): readonly string[];
}

/** A transfer plugin that a job brought, run once for all files of an attempt. */
export type RunJobPlugin = (order: {
  /** Absolute; executable. */
  readonly plugin: string;
  /** What it is called by the job. */
  readonly name: string;
  readonly transfers: readonly PluginTransfer[];
  /** Absolute; the attempt's own, for what the plugin needs beside. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Whose rights it gets; null: the worker's. */
  readonly account: { readonly uid: number; readonly gid: number } | null;
  readonly signal: AbortSignal;
}) => Promise<readonly Outcome[]>;

export interface AgentOptions {
  /** Asked at the start and again before every new attempt to connect. */
  readonly endpoint: () => Promise<Endpoint>;
  readonly connect: (endpoint: Endpoint) => ServerLink;
  readonly openStarter: () => Starter;
  readonly walls: Walls;
  /** Directories that attempts of the job are to have private ones of, where walls give them. */
  readonly mountUnderScratch: (job: JobDescription) => readonly string[];
  readonly runErrand: RunErrand;
  /** Name for people. */
  readonly name: string;
  readonly version: string;
  /** `<os>-<arch>`. */
  readonly platform: string;
  readonly slots: number;
  /** Absolute; the worker's own, locked by the caller, with `scratch` and `spool` inside. */
  readonly dir: string;
  /** The machine's store of programs and inputs; closed with the agent. */
  readonly datastore: WorkerStore;
  /** Where other workers get what is in the store; null: nowhere, and none is asked. */
  readonly peerDoor: { told(): PeerDoor | null } | null;
  /** Name of the worker that gets inputs for this one; `''`: none. */
  readonly stager: string;
  /** Absolute; which sessions have brought what is marked there, perhaps for other workers too. */
  readonly marks: string;
  /** Runs a transfer plugin of a job's. */
  readonly runPlugin: RunJobPlugin;
  /** The worker's own environment, of which programs get a part. */
  /** Absolute; the machine's policy on what runs here, or `''`. */
  readonly policyFile: string;
  /** How often policies are looked at. */
  readonly policyMs: number;
  readonly hostEnvironment: Readonly<Record<string, string | undefined>>;
  readonly memoryBytes: number;
  /** Policy and attributes, checked: each expression is one. */
  readonly offer: MachineOffer;
  readonly gpus: GpuRack;
  /** CPUs to give to attempts alone, where they are to be pinned; else none. */
  readonly pinnedCpus: readonly number[];
  /** How long to go on without a server once nothing runs any more. */
  readonly giveUpMs: number;
  /** The same while ends of attempts are undelivered; they go when the worker ends. */
  readonly deliverMs: number;
  /** The server may hear nothing of it for so long before it counts as lost; 0: for its lease. */
  readonly awayMs: number;
  /** How long until the worker has to end; null: it need not. Below 0 when that time is over. */
  readonly remainingMs: () => number | null;
  /** As `giveUpMs`, for a server that never has answered. */
  readonly firstContactMs: number;
  /** What it becomes when a server is newer; null where it is no executable. */
  readonly successor: Successor | null;
  /** The server has answered for the first time. */
  readonly onConnected: (worker: string) => void;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: AgentLog;
}
