import type { Address, ErrorEntry, NetworkValues, WallValues } from '#base';
import type { Collected, CollectStep } from '#traces';
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
  readonly retries: number | undefined;
  /** 0: none. */
  readonly timeoutMs: number | undefined;
  readonly directory: 'scratch' | 'submit' | undefined;
  readonly order: 'table' | 'completion' | undefined;
  readonly keep: 'packed' | 'files' | undefined;
  readonly cpus: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly diskBytes: number | undefined;
  readonly timeMs: number | undefined;
  readonly walls: string | undefined;
  readonly network: string | undefined;
  readonly root: string | undefined;
  readonly priority: number | undefined;
  /** Absolute. */
  readonly output: string | undefined;
  readonly again: boolean;
  readonly whyRerun: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  /** URL of a server, or null: start one in this process. */
  readonly server: string | null;
  /** Absolute; where the admin token of `server` is read when `token` is empty. */
  readonly tokenFile: string;
  readonly token: string;
  /** Absolute, or null: `.windrow` in the output directory. */
  readonly stateDirectory: string | null;
  /** Null: loopback, any free port, and no `serving` line. */
  readonly listen: Address | null;
  readonly insecure: boolean;
  readonly slots: number;
  readonly workerStarter: 'auto' | 'launcher' | 'spawn';
  /** Of its worker, for jobs that ask for none. */
  readonly workerWalls: string;
  readonly leaseMs: number;
  readonly pingMs: number;
  readonly diskReserveBytes: number;
  readonly log: LogChoice;
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
  readonly insecure: boolean;
  readonly leaseMs: number;
  readonly pingMs: number;
  readonly diskReserveBytes: number;
  /** Null: it takes no traces. */
  readonly traces: TraceStoreOptions | null;
  readonly log: LogChoice;
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
  /** Absolute path of the file that tells what became of the start, or null. */
  readonly report: string | null;
  /** How long the server may take to answer for the first time; undefined: as later. */
  readonly firstContactMs: number | undefined;
  /** Absolute path of a log of bounded size in place of standard error, or null. */
  readonly logFile: string | null;
  readonly starter: 'auto' | 'launcher' | 'spawn';
  readonly walls: WallValues & NetworkValues;
  readonly log: LogChoice;
}

/** What the collector of traces of a server is to do. */
export interface TraceStoreOptions {
  /** Absolute. */
  readonly directory: string;
  readonly account: string;
  /** Absolute, or `''`. */
  readonly secretFile: string;
  readonly anonymous: boolean;
  readonly fileLimitBytes: number;
  readonly idLimitBytes: number;
  readonly idFiles: number;
  /** 0: for ever. */
  readonly keepMs: number;
  /** 0: no limit. */
  readonly spaceBytes: number;
}

export interface CollectTracesOptions {
  /** Of the collector. */
  readonly url: string;
  /** Undefined: made of the time. */
  readonly id: string | undefined;
  /** Absolute. */
  readonly directory: string;
  readonly match: string;
  /** Absolute, or `''`. */
  readonly switchFile: string;
  readonly switchText: string;
  readonly compression: string;
  readonly remove: boolean;
  readonly account: string;
  /** Absolute, or `''`. */
  readonly secretFile: string;
  readonly insecure: boolean;
  /** Absolute; remembers uploads that were begun. */
  readonly stateDirectory: string;
  readonly onStep: (step: CollectStep) => void;
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

/** What the command line cannot do by itself; joined together in `bin/`. Numbers are exit codes. */
export interface Composition {
  run(options: RunOptions, world: World): Promise<number>;
  serve(options: ServeOptions, world: World): Promise<number>;
  worker(options: WorkerOptions, world: World): Promise<number>;
  /** Brings the traces of this machine to a collector. */
  collectTraces(
    options: CollectTracesOptions,
    world: World,
  ): Promise<Collected & { readonly id: string }>;
  /** Serves what is in a state directory that has no server, for reading only. */
  openState(stateDirectory: string): Promise<OpenedServer>;
  /** The errors of every room, for `windrow errors` and the reference. */
  errorTables(): Promise<readonly NamedErrors[]>;
}
