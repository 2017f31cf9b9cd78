import type { Cause } from './cause.ts';
import type { Dealings } from './dealings.ts';
import type { Life } from './life.ts';
import type { Matching } from './matching.ts';
import type { Isolation } from './walls.ts';

/** Jobs are numbered from 1 within one state directory; tasks from 0 in table order. */
export type JobId = number;
export type TaskIndex = number;
/** A ticket names one attempt and is never used twice on one server. */
export type Ticket = number;

/** Lower-case hex SHA-256 of a file's bytes; the name of a blob on server and worker. */
export type Digest = string;

/**
 * What runs. `shell` is handed to `/bin/sh -c` with every value as one quoted word; `argv` is
 * executed directly, each element expanded by itself.
 */
export type Command =
  | { readonly kind: 'shell'; readonly template: string }
  | { readonly kind: 'argv'; readonly template: readonly string[] };

/** A file (or `stdin`) made for an attempt before it starts. */
export interface Input {
  /** Relative path inside the attempt's directory, or `stdin`. Never absolute, never `..`. */
  readonly name: string;
  readonly from:
    | { readonly kind: 'template'; readonly blob: Digest; readonly bytes: number }
    | {
        readonly kind: 'file';
        readonly blob: Digest;
        readonly bytes: number;
        /** Each attempt has a copy of its own to change; else all share one that cannot be written. */
        readonly writable: boolean;
        /** It may be executed, as at the user's. */
        readonly executable: boolean;
      }
    | { readonly kind: 'parameter'; readonly column: string }
    /** Those of `files` that the row's cell stands for; with the column `''` those under `''`. */
    | {
        readonly kind: 'files';
        readonly column: string;
        readonly files: Readonly<Record<string, readonly StagedFile[]>>;
      }
    | RemoteInput
    | PluginInput;
}

/** What the server brings from elsewhere, once for all tasks of a job. */
export interface RemoteInput {
  readonly kind: 'url';
  /** Without user information and fragment. */
  readonly url: string;
  /** Digests that it must have, lower-case hex; `''`: not said. */
  readonly sha256: Digest | '';
  readonly md5: string;
  /** `immutable`: what the server has of it is right for ever; `pin`: it asks when the job begins. */
  readonly mode: 'immutable' | 'pin';
  /** Where workers get it first: from the server, or from where it comes from. */
  readonly from: 'server' | 'origin';
  readonly writable: boolean;
  /** The bytes that all tasks of the job see; null until they lie among the server's blobs. */
  readonly version: {
    readonly blob: Digest;
    readonly bytes: number;
    /** Where the server got it, for people; `''`: it lay there. */
    readonly source: string;
  } | null;
}

/** What a transfer plugin of the job's own brings, for each attempt anew. */
export interface PluginInput {
  readonly kind: 'plugin';
  readonly url: string;
  readonly sha256: Digest | '';
  readonly md5: string;
  /** The plugin: its file name, and its file among the blobs. */
  readonly plugin: { readonly name: string; readonly blob: Digest; readonly bytes: number };
}

/** A file with a name of its own, which need not be the input's. */
export interface StagedFile {
  /** Relative path inside the attempt's directory, or `stdin`. */
  readonly name: string;
  readonly blob: Digest;
  readonly bytes: number;
  readonly executable: boolean;
}

/** A named result and where it comes from. File paths and globs are relative templates. */
export interface ResultSource {
  readonly name: string;
  readonly from:
    | { readonly kind: 'stdout' }
    | { readonly kind: 'stderr' }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'glob'; readonly pattern: string }
    /** A file or everything below a folder; it has to be there, but may be empty. */
    | { readonly kind: 'tree'; readonly path: string }
    /** Files that are new or changed, of the attempt's directory itself, none of its folders. */
    | { readonly kind: 'changed' };
  /** A missing or (but for `tree`) empty result makes the attempt fail. */
  readonly required: boolean;
}

/** One build of the job's program; shipped to machines that lack it. */
export interface ProgramBuild {
  /** `<os>-<arch>` as Node.js names them, e.g. `linux-x64`; `any` for scripts. */
  readonly platform: string;
  readonly sha256: Digest;
  /** Lower-case hex MD5, for the open protocol. */
  readonly md5: string;
  readonly bytes: number;
}

/** Code of the user's that runs on the server's side, in a process of its own. */
export type UserCode =
  | {
      readonly kind: 'module' | 'executable';
      /** Absolute path on the submitting machine, used in place where the server can read it. */
      readonly path: string;
      readonly sha256: Digest;
    }
  | { readonly kind: 'expression'; readonly text: string };

export type Collection =
  | { readonly kind: 'concat' }
  | { readonly kind: 'blockwise' }
  | { readonly kind: 'table'; readonly formats: readonly ('csv' | 'sqlite' | 'parquet')[] }
  | { readonly kind: 'module'; readonly code: UserCode }
  | { readonly kind: 'none' };

/** One factor of the parameter table; the table is the cross product, the first axis slowest. */
export type Axis =
  /** A parameter file that the server keeps, by the id that the upload returned. */
  | { readonly kind: 'file'; readonly table: string }
  /** `from`, `from + step` … up to and including `to`; printed without trailing zeros. */
  | {
      readonly kind: 'range';
      readonly column: string;
      readonly from: string;
      readonly to: string;
      readonly step: string;
    }
  /** Rows written out in place, e.g. `--set x=1,2,3` or `::: a :::+ b` (linked columns). */
  | {
      readonly kind: 'values';
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
    };

export interface ResourceRequest {
  /** CPUs (may be fractional); one slot offers one. */
  readonly cpus: number;
  /** 0: no limit asked for. */
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Processes and threads at once; 0: as many as the machine lets every attempt have. */
  readonly processes: number;
  /** Whole devices. */
  readonly gpus: number;
  /** How long a task takes at most, for workers that end at a time; 0: not said. Never a limit. */
  readonly timeMs: number;
}

/** The blob that an input is made of; null where there is none, or not yet. */
export function blobOf({ from }: Input): { readonly blob: Digest; readonly bytes: number } | null {
  if (from.kind === 'url')
    return from.version && { blob: from.version.blob, bytes: from.version.bytes };
  if (from.kind === 'plugin') return from.plugin;
  return from.kind === 'parameter' || from.kind === 'files' ? null : from;
}

/** What a user submits, complete and canonical: no paths to read, no unit as text, nothing optional. */
export interface JobSpec extends Matching, Life, Dealings {
  readonly name: string;
  readonly command: Command;
  readonly axes: readonly Axis[];
  readonly inputs: readonly Input[];
  readonly results: readonly ResultSource[];
  /** File name of the shipped program inside scratch, or `''` when none is shipped. */
  readonly programName: string;
  readonly programs: readonly ProgramBuild[];
  /** Digests of files the command names but that are not shipped; they only key re-runs. */
  readonly references: readonly { readonly path: string; readonly sha256: Digest }[];
  readonly environment: Readonly<Record<string, string>>;
  /** Where attempts run: in a scratch directory of their own, or where the user is. */
  readonly directory:
    | { readonly kind: 'scratch' }
    | { readonly kind: 'submit'; readonly path: string };
  /** Retries of causes that are the program's; a cause in `retryByCause` has its own budget. */
  readonly retries: number;
  readonly retryByCause: Readonly<Partial<Record<Cause, number>>>;
  /** 0: none. */
  readonly timeoutMs: number;
  /** Between TERM and KILL. */
  readonly killGraceMs: number;
  readonly idempotent: boolean;
  readonly request: ResourceRequest;
  readonly isolation: Isolation;
  readonly validate: UserCode | null;
  readonly validateTimeoutMs: number;
  readonly collect: Collection;
  readonly order: 'table' | 'completion';
  readonly keep: 'packed' | 'files';
  /** Absolute output directory on the server's machine, or `''`: results stay on the server. */
  readonly output: string;
  /** Most bytes of captured stdout/stderr kept as logs, each; head and tail are kept. */
  readonly logBytes: number;
  /** Most bytes of all results of one attempt. */
  readonly resultBytes: number;
  readonly deleteWorker: boolean;
  readonly deleteClient: boolean;
  /** Larger runs first, among jobs of one owner. */
  readonly priority: number;
}

/** A file as a collection left it in an output directory. */
export interface PublishedFile {
  readonly name: string;
  readonly bytes: number;
  /** Its modification time; a file with another one has been changed by somebody else. */
  readonly changedMs: number;
}

/** The template of where a result lies; null for those that have no place of their own. */
export function templateOf(from: ResultSource['from']): string | null {
  if (from.kind === 'file' || from.kind === 'tree') return from.path;
  return from.kind === 'glob' ? from.pattern : null;
}

/** Whether a result may be several files, which keep their names. */
export function hasManyFiles(from: ResultSource['from']): boolean {
  return from.kind === 'glob' || from.kind === 'tree' || from.kind === 'changed';
}

/** The files that a row is to find; none where its cell stands for nothing. */
export function stagedFiles(
  { column, files }: Extract<Input['from'], { kind: 'files' }>,
  columns: readonly string[],
  cells: readonly string[],
): readonly StagedFile[] {
  const cell = column === '' ? '' : (cells[columns.indexOf(column)] ?? '');
  return Object.hasOwn(files, cell) ? files[cell]! : [];
}
