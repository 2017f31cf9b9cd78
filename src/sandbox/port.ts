import type { Measured } from '#model';
import type { Stuck } from './stuck.ts';
import type { LaunchWalls } from './walls/launch.ts';

/**
 * The one way programs are started. Two implementations pass one suite: the C launcher (one
 * process per slot, adopts and kills every descendant, exact rusage) and Node's own spawn.
 */
export interface StartRequest {
  /** Absolute path of the executable, or a name looked up on `environment.PATH`. */
  readonly file: string;
  /** The whole argument vector, `argv[0]` included. */
  readonly argv: readonly string[];
  /**
   * The whole environment; nothing is inherited. Starters add one variable, WINDROW_START, a value
   * of this start alone, by which processes that slipped away are found.
   */
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute; must exist. */
  readonly directory: string;
  /** Absolute path of the file that becomes stdin, or null for /dev/null. */
  readonly stdin: string | null;
  /** 0: none. The whole tree gets SIGTERM, after `killGraceMs` SIGKILL. */
  readonly timeoutMs: number;
  readonly killGraceMs: number;
  /** Left out: no walls. */
  readonly walls?: LaunchWalls;
  /**
   * While others wait behind it, what it prints and that it ended well may be told so much later;
   * 2 ms when left out. Meanwhile `processes` may be those of the next one.
   */
  readonly tellWithinMs?: number;
  /** Called with each piece of output as it comes; the buffer is the callee's to keep. */
  onOutput(stream: 'stdout' | 'stderr', bytes: Buffer): void;
}

export interface ProgramEnd {
  /** Exit status, or null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** True when `kill` was called before the program had ended by itself. */
  readonly killed: boolean;
  /** What SIGKILL did not end, and was left to itself; nearly always none. */
  readonly stuck: readonly Stuck[];
  readonly wallMs: number;
  /** How long ago that was when it is told. */
  readonly agoMs: number;
  readonly measured: Measured;
  /** Descendants that outlived the program and were killed. */
  readonly strays: number;
}

/** Why a program could not be started at all. */
export interface StartFailure {
  readonly failed: 'launch';
  /**
   * errno name, e.g. `ENOENT`, `EACCES`, `ENOEXEC`, `E2BIG`; or one of ours: `STARTER_BUSY`,
   * `STARTER_CLOSED`, `STARTER_WITHDRAWN` (it never ran), `LAUNCHER_UNFIT` (it is no launcher of this
   * version), `LAUNCHER_LOST` (it was killed while the program ran or waited, and the program with
   * it; whether a waiting one has run is not known), `WALLS_FAILED` (what was printed may say more).
   */
  readonly code: string;
  readonly message: string;
}

export interface RunningProgram {
  /** Pids of all that it is at this moment, as far as its starter can tell; what guards it included. */
  processes(): readonly number[];
  /** Resolves once, after the whole tree is gone and all output was delivered. Never rejects. */
  readonly ended: Promise<ProgramEnd | StartFailure>;
  /**
   * TERM to the tree, KILL after the grace; `graceMs` 0 kills at once. One that still waits is
   * withdrawn. Safe at any time, repeatable.
   */
  kill(graceMs: number): void;
  /** Takes a start back that still waits: `ended` tells `STARTER_WITHDRAWN`. One that runs goes on. */
  withdraw(): void;
}

/** Starts programs for one slot, one at a time and in the order they were given. */
export interface Starter {
  readonly kind: 'launcher' | 'spawn';
  /** So many starts may wait for the program that runs; one more fails with `STARTER_BUSY`. */
  readonly ahead: number;
  /** The first start will not have to wait for a process of the starter's own. */
  prepare(): void;
  start(request: StartRequest): RunningProgram;
  /** Kills what runs and ends the starter's own process; resolves when nothing of it is left. */
  close(): Promise<void>;
}
