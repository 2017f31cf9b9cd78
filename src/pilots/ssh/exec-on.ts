/** A command of the user's on a machine, its output line by line as it comes. */
import { shellCommand } from '#base';
import type { Machine } from '../node-file.ts';
import { type MachineShell, textOf } from './machine-shell.ts';

export interface ExecPlan {
  /** One word is a command for sh; several are executed as they are. */
  readonly words: readonly string[];
  /** Most bytes of output of one machine that are passed on. */
  readonly mostBytes: number;
  /** How long it may take; 0: as long as it will. */
  readonly timeoutMs: number;
  readonly onLine: (machine: Machine, line: string) => void;
}

export interface Executed {
  /** Null when it took too long. */
  readonly exitCode: number | null;
  /** True when its output was longer than what was passed on. */
  readonly isCut: boolean;
}

/** Passes lines on up to a number of bytes, and counts what came beyond. */
export class LineBudget {
  readonly #pass: (line: string) => void;
  #leftBytes: number;
  isCut = false;

  constructor(mostBytes: number, pass: (line: string) => void) {
    this.#leftBytes = mostBytes;
    this.#pass = pass;
  }

  take(line: string): void {
    this.#leftBytes -= Buffer.byteLength(line) + 1;
    if (this.#leftBytes >= 0) this.#pass(line);
    else this.isCut = true;
  }
}

/** Rejects with ShellEnded. */
export async function execOn(
  machine: Machine,
  shell: MachineShell,
  plan: ExecPlan,
): Promise<Executed> {
  const { words, mostBytes, timeoutMs } = plan;
  const command = Buffer.from(words.length === 1 ? words[0]! : `exec ${shellCommand(words)}`);
  const budget = new LineBudget(mostBytes, (line) => plan.onLine(machine, line));
  // The machine puts a line end before its own word: an empty last line may not be the command's.
  let held = false;
  const onOutput = (line: string) => {
    if (held) budget.take('');
    held = line === '';
    if (!held) budget.take(line);
  };
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  const late = () => {
    isLate = true;
    shell.kill();
  };
  if (timeoutMs > 0) timer = setTimeout(late, timeoutMs);
  try {
    const body = () => [command];
    const answer = await shell.call('run', [String(command.length)], {
      silenceMs: 0,
      body,
      onOutput,
    });
    return { exitCode: Number(textOf(answer, 'exit')), isCut: budget.isCut };
  } catch (error) {
    if (isLate) return { exitCode: null, isCut: budget.isCut };
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
