/** What the fence of this machine is: found by trying, once for a worker. */
import type { Wall } from '#model';
import type { Ability } from '../walls/part.ts';

/** What is needed to put a fence up; null where the machine cannot. */
export interface Fence {
  readonly bwrap: string;
  /** Not root: in a user namespace. */
  readonly userNamespace: boolean;
  readonly cgroupNamespace: boolean;
  /** The kernel counts the processes of each user namespace by itself (Linux 5.14): RLIMIT_NPROC is one attempt's. */
  readonly countsProcesses: boolean;
  /** bwrap can bound what is in memory (0.7). */
  readonly boundsMemory: boolean;
}

/** What the last stage needs; null where there is no launcher. */
export interface LastStage {
  /** Absolute path of the launcher. */
  readonly launcher: string;
  /** Absolute path of the system-call filter; null where there is none for this machine. */
  readonly filter: string | null;
}

export interface ProbedFence {
  readonly fence: Fence | null;
  readonly lastStage: LastStage | null;
  readonly abilities: readonly Ability[];
}

/** Walls of the last stage alone. */
export const STAGE_WALLS: readonly Wall[] = ['privileges', 'syscalls', 'keys'];
