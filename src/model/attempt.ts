import type { Cause } from './cause.ts';
import type { JobId, TaskIndex, Ticket } from './job.ts';
import type { Asked } from './life.ts';
import type { TaskStateName } from './task.ts';
import type { Usage } from './usage.ts';
import type { WallsHad } from './walls.ts';

/** How an attempt ended, as the worker saw it. */
export interface AttemptEnd {
  readonly ticket: Ticket;
  readonly cause: Cause;
  /** Null when the program did not exit by itself. */
  readonly exitCode: number | null;
  /** e.g. `SIGSEGV`; null when no signal ended it. */
  readonly signal: string | null;
  /** One sentence for a person; `''` for `ok`. */
  readonly reason: string;
  /**
   * Milliseconds: on a clock of the worker's own while the end travels, since the epoch on the
   * server's once it has arrived.
   */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly usage: Usage;
  /** Null when none were wanted and none were put up. */
  readonly walls: WallsHad | null;
  /** How its inputs came that were brought from elsewhere; most attempts have none. */
  readonly inputs: readonly InputWay[];
}

/** How one input came to the machine of an attempt, and into its directory. */
export interface InputWay {
  readonly name: string;
  /**
   * `hit`: it lay there. `fetched`: brought for this attempt. `joined`: brought for another at that
   * time. `plugin`: by a plugin of the job's own.
   */
  readonly how: 'hit' | 'fetched' | 'joined' | 'plugin';
  /** Where its worker got it, as `server`, `https://data.example (proxy squid:3128)`; `''`: earlier. */
  readonly via: string;
  /** Where the server got it, as `via` says it; `''`: it lay there, or the server had no part in it. */
  readonly source: string;
  /** Into the attempt's directory. */
  readonly into: 'reflink' | 'link' | 'mount' | 'copy' | 'file';
  readonly bytes: number;
}

/** `https://data.example`, `https://data.example (proxy squid:3128)`. */
export function cameFrom(source: string, via: string): string {
  const url = URL.parse(source);
  const from = url === null ? source : `${url.protocol}//${url.host}`;
  return via === '' || via === 'direct' ? from : `${from} (${via})`;
}

/** Where an attempt's results and logs lie in the segment files. */
export interface RecordPlace {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
}

/** One ended attempt as the server keeps it for ever. */
export interface AttemptRecord extends AttemptEnd {
  readonly job: JobId;
  readonly task: TaskIndex;
  /** 1 for a task's first attempt. */
  readonly number: number;
  readonly worker: string;
  /** Cause and last stderr line with numbers folded; `''` for `ok`. */
  readonly signature: string;
  readonly place: RecordPlace | null;
  /** What it was given, where that is not what its job asks for. */
  readonly asked: Asked | null;
  /** What became of its task by it; null where the task went on without it. */
  readonly next: TaskStateName | null;
  /** The job whose result was taken over unchanged, or null for an attempt that ran. */
  readonly reusedFrom: JobId | null;
}

/** A named piece of an attempt's outcome: a result to collect, or a captured log. */
export interface Part {
  readonly name: string;
  readonly kind: 'result' | 'log';
  /** Original file name, for globs and `keep = "files"`. */
  readonly file: string;
  /** Bytes left out of the middle of a log. */
  readonly cutBytes: number;
}
