import type {
  Address,
  DataValues,
  ErrorEntry,
  NetworkValues,
  SharingSettings,
  StagingValues,
  TrapSettings,
  WallValues,
  WorkerPolicy,
} from '#base';
import type { Datastore, StoreEvent } from '#datastore';
import type { Level } from '#model';
import type { Collected, CollectStep } from '#traces';
import type { Machines, MachineWish } from './machines-port.ts';
import type { Sandbox } from './sandbox-port.ts';
import type { PlannedSweep } from './submit.ts';
import type { World } from './world.ts';

/** One axis of the parameter table as the command line gave it; their order is that of the columns. */
export interface AxisText {
  readonly kind: 'parameters' | 'range' | 'set' | 'each-line';
  readonly text: string;
}

/** What `windrow run` was asked for; undefined is "as the sweep file says, or the default". */
export interface RunOptions {
  /** Relative to the current directory, or null when the command line is the sweep. */
  readonly sweepFile: string | null;
  /** The words after `--`: COMMAND and, GNU-parallel style, `:::` and `:::+` with their values. */
  readonly words: readonly string[];
  readonly axes: readonly AxisText[];
  /** `name=source`, as written. */
  readonly results: readonly string[];
  /** `name=file`, as written. */
  readonly inputs: readonly string[];
  /** `NAME=value`, as written. */
  readonly environment: readonly string[];
  readonly name: string | undefined;
  readonly collect: string | undefined;
  readonly validate: string | undefined;
  readonly validateExpression: string | undefined;
  readonly retries: number | undefined;
  /** 0: none. */
  readonly timeoutMs: number | undefined;
  readonly directory: 'scratch' | 'submit' | undefined;
  readonly order: 'table' | 'completion' | undefined;
  readonly keep: 'packed' | 'files' | undefined;
  readonly cpus: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly diskBytes: number | undefined;
  readonly processes: number | undefined;
  readonly gpus: number | undefined;
  readonly timeMs: number | undefined;
  readonly walls: string | undefined;
  readonly network: string | undefined;
  readonly root: string | undefined;
  readonly priority: number | undefined;
  readonly requirements: string | undefined;
  readonly rank: string | undefined;
  /** `NAME=EXPRESSION`, as written. */
  readonly attributes: readonly string[];
  /** `NAME[:AMOUNT]`, as written. */
  readonly concurrencyLimits: readonly string[];
  readonly accountingGroup: string | undefined;
  /** Absolute. */
  readonly output: string | undefined;
  readonly again: boolean;
  readonly whyRerun: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  /** List of machines that take part, in place of the sweep file's. */
  readonly nodes: MachineWish['nodes'] | undefined;
  /** How many of them must come up. */
  readonly atLeast: number | undefined;
  /** HOST or HOST:PORT under which machines reach the server; `''`: to be found out. */
  readonly advertise: string;
  /** Conversations with machines at the same time. */
  readonly parallel: number;
  readonly connectTimeoutMs: number;
  /** Absolute directory of executables for machines, or `''`: the usual one. */
  readonly executables: string;
  /** Absolute; the session of `server`, for workers. */
  readonly sessionFile: string;
  /** URL of a server, or null: start one in this process. */
  readonly server: string | null;
  /** Absolute; where the admin token of `server` is read when `token` is empty. */
  readonly tokenFile: string;
  readonly token: string;
  /** Absolute, or null: `.windrow` in the output directory. */
  readonly stateDirectory: string | null;
  /** Null: loopback, any free port, and no `serving` line. */
  readonly listen: Address | null;
  /** Null: plain HTTP. */
  readonly tls: TlsWish | null;
  readonly insecure: boolean;
  readonly slots: number;
  readonly workerStarter: 'auto' | 'launcher' | 'spawn';
  /** Of its worker, for jobs that ask for none. */
  readonly workerWalls: Level;
  /** Who jobs run as where its worker is root. */
  readonly accounts: Pick<WallValues, 'jobUser' | 'payload'>;
  readonly leaseMs: number;
  readonly pingMs: number;
  readonly diskReserveBytes: number;
  readonly staging: StagingValues;
  /** Absolute, or `''`. */
  readonly policyFile: string;
  readonly policyMs: number;
  readonly sharing: SharingSettings;
  readonly log: LogChoice;
}

/** How the command line opens a datastore. */
export interface DataOptions {
  readonly values: DataValues;
  /** Told of what the user should know. */
  onEvent(event: StoreEvent): void;
}

export interface LogChoice {
  readonly level: string;
  /** `auto` is decided: pretty on a terminal. */
  readonly format: 'pretty' | 'json';
  readonly color: boolean;
}

export interface ServeOptions {
  readonly listen: Address;
  /** Absolute. */
  readonly stateDirectory: string;
  /** Null: plain HTTP. */
  readonly tls: TlsWish | null;
  readonly insecure: boolean;
  readonly leaseMs: number;
  readonly pingMs: number;
  readonly diskReserveBytes: number;
  readonly staging: StagingValues;
  /** Absolute, or `''`. */
  readonly policyFile: string;
  readonly policyMs: number;
  readonly sharing: SharingSettings;
  /** Absolute directory of executables for workers, or `''`: the usual one. */
  readonly executables: string;
  /** Null: it takes no traces. */
  readonly traces: TraceStoreOptions | null;
  /** Null: it collects no traps. */
  readonly traps: TrapSettings | null;
  /** Absolute file of rules, or `''`: there are none. */
  readonly rules: string;
  readonly log: LogChoice;
}

export interface TrapsServeOptions {
  readonly settings: TrapSettings;
  /** The options of the command line that made them: a daemon is started with the same. */
  readonly given: readonly string[];
  /** Descriptor on which to say how the start went, for the one who made this a daemon; or null. */
  readonly readyFd: number | null;
  readonly log: LogChoice;
}

/** Where the traces of a machine are, as its settings say. */
export interface TraceSource {
  /** Absolute, or `''`. */
  readonly directory: string;
  readonly match: string;
  /** Absolute, or `''`. */
  readonly switchFile: string;
  readonly switchText: string;
  readonly compression: string;
  /** That collectors may ask for; absolute, or null. */
  readonly own: { readonly certificate: string; readonly key: string } | null;
}

export interface WorkerOptions {
  /** URL, or `''`: that of the server in the state directory. */
  readonly server: string;
  /** Absolute, of the local server whose session is used when no session file is named. */
  readonly stateDirectory: string;
  readonly slots: number;
  /** Absolute. */
  readonly directory: string;
  /** Absolute, or `''`. */
  readonly sessionFile: string;
  readonly name: string | undefined;
  /** How long the server may hear nothing of it; 0: as long as the server says. */
  readonly awayMs: number;
  /** When it is to end by itself: at a moment of the clock of day, or a while after its start. */
  readonly until: { readonly atMs: number } | { readonly afterMs: number } | null;
  /** How long what runs may go on when it is asked to end; null: until it is done. */
  readonly drainMs: number | null;
  /** It begins with the first line on standard input: until then its server may not be there. */
  readonly waitForLine: boolean;
  /** The session is the first line on standard input. */
  readonly sessionFromInput: boolean;
  /** Absolute path of its own executable, if that is to go when a job asks for it; or null. */
  readonly clientFile: string | null;
  /** Absolute path of the file that tells what became of the start, or null. */
  readonly report: string | null;
  /** How long the server may take to answer for the first time; undefined: as later. */
  readonly firstContactMs: number | undefined;
  /** Absolute path of a log of bounded size in place of standard error, or null. */
  readonly logFile: string | null;
  readonly starter: 'auto' | 'launcher' | 'spawn';
  /** Absolute, or `''`. */
  readonly policyFile: string;
  readonly policyMs: number;
  readonly walls: WallValues & NetworkValues;
  readonly staging: StagingValues;
  readonly offerGpus: boolean;
  readonly policy: WorkerPolicy;
  readonly traces: TraceSource;
  readonly log: LogChoice;
}

/** Where a server's certificate and key are, absolute. */
export interface TlsWish {
  readonly certificate: string;
  readonly key: string;
}

/** What the collector of traces of a server is to do. */
export interface TraceStoreOptions {
  /** Absolute. */
  readonly directory: string;
  readonly account: string;
  /** Absolute, or `''`. */
  readonly secretFile: string;
  /** Absolute, or `''`. */
  readonly clientAuthority: string;
  readonly anonymous: boolean;
  readonly fileLimitBytes: number;
  readonly idLimitBytes: number;
  readonly idFiles: number;
  /** 0: for ever. */
  readonly keepMs: number;
  /** 0: no limit. */
  readonly spaceBytes: number;
}

export interface CollectTracesOptions extends TraceSource {
  /** Of the collector. */
  readonly url: string;
  readonly id: string;
  readonly remove: boolean;
  readonly account: string;
  /** `''`: none. */
  readonly secret: string;
  readonly insecure: boolean;
  /** Absolute; remembers uploads that were begun. */
  readonly memory: string;
  readonly onStep: (step: CollectStep) => void;
}

/** A server's certificate, as far as others may know it. */
export interface CertificateView {
  /** 64 hex digits: what addresses carry behind `#sha256:`. */
  readonly pin: string;
  readonly fingerprint: string;
  readonly names: readonly string[];
  readonly validFromMs: number;
  readonly validToMs: number;
}

export interface Certificates {
  /** Makes an authority and a first certificate for these names. Throws TLS_…. */
  init(directory: string, names: readonly string[], nowMs: number): Promise<CertificateView>;
  /** A new certificate by the same authority; `names` `[]`: those of the last. Throws TLS_…. */
  renew(directory: string, names: readonly string[], nowMs: number): Promise<CertificateView>;
  /** Throws TLS_…. */
  show(files: TlsWish, nowMs: number): CertificateView;
  /** Names and addresses of this machine. */
  ownNames(): readonly string[];
}

/** A server that this process opened for a while. */
export interface OpenedServer {
  readonly url: string;
  readonly token: string;
  close(): Promise<void>;
}

export interface NamedErrors {
  readonly room: string;
  readonly entries: Readonly<Record<string, ErrorEntry>>;
}

/** Whose processes are watched, and what is done about them. */
export interface ProcwatchOptions {
  /** Command names of daemons whose children are jobs. */
  readonly daemons: readonly string[];
  /** How long after its end something of a job may be left. */
  readonly graceMs: number;
  readonly kill: boolean;
}

/** Something that was noticed about the processes of batch jobs, with a sentence. */
export interface ProcessNotice {
  readonly kind:
    | 'watching'
    | 'begun'
    | 'ended'
    | 'daemonised'
    | 'left-behind'
    | 'killed'
    | 'stuck'
    | 'events-lost'
    | 'too-many';
  readonly text: string;
}

/** What a file asks for, planned. */
export interface FilePlan {
  /** Of HTCondor's form. */
  readonly isDescription: boolean;
  readonly sweeps: readonly PlannedSweep[];
  /** The ad of each task, as text. */
  ads(): Iterable<string>;
}

/** What the command line cannot do by itself; joined together in `bin/`. Numbers are exit codes. */
export interface Composition {
  run(options: RunOptions, world: World): Promise<number>;
  /** Reads a submit description or a sweep file. Throws all that is wrong with it. */
  planFile(file: string, world: World): Promise<FilePlan>;
  serve(options: ServeOptions, world: World): Promise<number>;
  worker(options: WorkerOptions, world: World): Promise<number>;
  sandbox(): Promise<Sandbox>;
  serveTraps(options: TrapsServeOptions, world: World): Promise<number>;
  /** Other machines, loaded when they are needed. */
  machines(): Promise<Machines>;
  /** Certificates of the site's own, loaded when they are needed. */
  certificates(): Promise<Certificates>;
  /** An id for one collection of traces: the wished one, checked, or a new one. Rejects with TRACE_NAME_UNSAFE. */
  traceIdFor(wished: string | undefined): Promise<string>;
  /** Brings the traces of this machine to a collector. */
  collectTraces(options: CollectTracesOptions, signal: AbortSignal): Promise<Collected>;
  /** Watches until `signal` is aborted. Rejects with PROCWATCH_…. */
  watchProcesses(
    options: ProcwatchOptions,
    tell: (notice: ProcessNotice) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** The datastore in the directory of the settings. */
  openData(options: DataOptions): Promise<Datastore>;
  /** Serves what is in a state directory that has no server, for reading only. */
  openState(stateDirectory: string): Promise<OpenedServer>;
  /** The errors of every room, for `windrow errors` and the reference. */
  errorTables(): Promise<readonly NamedErrors[]>;
}
