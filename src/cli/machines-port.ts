/** Other machines, as the command line asks for them and hears of them. */
import type { WindrowError } from '#base';
import type { Level } from '#model';
import type { World } from './world.ts';

/** Machines that are reached by ssh, and how. */
export interface MachineWish {
  /** Absolute path of the list of machines, and its name for messages. */
  readonly nodes: { readonly path: string; readonly name: string };
  /** Conversations at the same time. */
  readonly parallel: number;
  readonly connectTimeoutMs: number;
}

export interface StartWish extends MachineWish {
  /** The server as it says of itself. */
  readonly url: string;
  /** Secret; one line. */
  readonly session: string;
  /** HOST or HOST:PORT under which machines reach the server; `''`: to be found out. */
  readonly advertise: string;
  /** For machines that say nothing of it; 0: their CPUs. */
  readonly slots: number;
  /** For machines that say nothing of it; `''`: the usual one. */
  readonly directory: string;
  /** Walls of attempts whose jobs ask for none. */
  readonly walls: Level;
  /** Absolute directory of executables, or `''`: the usual one. */
  readonly executables: string;
}

export interface StopWish extends MachineWish {
  readonly directory: string;
  /** Kill what runs. */
  readonly now: boolean;
}

export interface ExecWish extends MachineWish {
  readonly words: readonly string[];
  /** Most bytes of output of each machine. */
  readonly mostBytes: number;
  /** 0: none. */
  readonly timeoutMs: number;
}

/** Windrow itself, run once on each machine. */
export interface WindrowWish extends MachineWish {
  /** Of a server that the machines are to talk to, as it says of itself. */
  readonly url: string;
  readonly advertise: string;
  /** Absolute directory of executables, or `''`: the usual one. */
  readonly executables: string;
  /** The command, given the URL under which the machine reaches that server. */
  readonly wordsFor: (url: string) => readonly string[];
  /** One line that it reads on standard input; may be secret. */
  readonly input: string;
}

/** What came of one machine. */
export interface MachineNews {
  readonly machine: string;
  /** Null when it came to what was wished. */
  readonly error: WindrowError | null;
  readonly tookMs: number;
}

export interface MachineStarted extends MachineNews {
  /** `running`: it had this server's worker before. */
  readonly state: 'started' | 'running' | 'told' | 'failed';
  /** Id at the server; `''` when it failed, as the rest. */
  readonly worker: string;
  readonly pid: number;
  readonly host: string;
  readonly platform: string;
  readonly directory: string;
  /** How the executable came there: it was, it was copied, or a machine with the same disk has it. */
  readonly program: 'present' | 'copied' | 'shared' | '';
  /** Where the worker finds the server. */
  readonly url: string;
}

export interface MachineStopped extends MachineNews {
  /** `none`: no worker ran there. */
  readonly state: 'stopped' | 'none' | 'failed';
  readonly pids: readonly number[];
}

export interface MachineExecuted extends MachineNews {
  /** Null when it did not end by itself. */
  readonly exitCode: number | null;
  /** Its output was longer than what was passed on. */
  readonly isCut: boolean;
}

/** Each calls back for every machine when it is done with it, and answers in the order of the list. */
export interface Machines {
  start(
    wish: StartWish,
    world: World,
    onNews: (news: MachineStarted) => void,
  ): Promise<MachineStarted[]>;
  stop(
    wish: StopWish,
    world: World,
    hooks: {
      readonly onNews: (news: MachineStopped) => void;
      /** Workers were asked to end, and are waited for. */
      readonly onAsked: (machine: string, pids: readonly number[]) => void;
    },
  ): Promise<MachineStopped[]>;
  exec(
    wish: ExecWish,
    world: World,
    hooks: {
      readonly onNews: (news: MachineExecuted) => void;
      readonly onLine: (machine: string, stream: 'stdout' | 'stderr', line: string) => void;
    },
  ): Promise<MachineExecuted[]>;
  windrow(
    wish: WindrowWish,
    world: World,
    onLine: (machine: string, stream: 'stdout' | 'stderr', line: string) => void,
  ): Promise<MachineExecuted[]>;
}
