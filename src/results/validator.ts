import type { ResultSource, TaskIndex, Ticket, UserCode } from '#model';
import { ExecutableChecker } from './executable-checker.ts';
import { ExpressionChecker } from './expression-checker.ts';
import { ModuleChecker } from './module-checker.ts';
import type { UserCodePorts } from './port.ts';
import { globNames } from './result-files.ts';
import type { StoredRecord } from './segment-reader.ts';
import { requireUserCode } from './user-code.ts';

export interface ValidatorRequest {
  readonly code: UserCode;
  readonly sources: readonly ResultSource[];
  /** Limit of one check. */
  readonly timeoutMs: number;
  /** Limit of one module process with its children; 0: none. */
  readonly memoryBytes: number;
  /** Checks at the same time, each in a process of its own. */
  readonly processes: number;
}

export interface Check {
  readonly task: TaskIndex;
  readonly ticket: Ticket;
  readonly parameters: Readonly<Record<string, string>>;
  readonly record: StoredRecord;
}

/**
 * The reason of `invalid` is the validator's own words; that of `fault` says what it did, e.g. `it
 * threw TypeError: …`, and is never the program's fault. `stopped`: the validator was closed before
 * it decided; the check is to be made again.
 */
export type Verdict =
  | { readonly verdict: 'valid' }
  | { readonly verdict: 'invalid'; readonly reason: string }
  | { readonly verdict: 'fault'; readonly reason: string }
  | { readonly verdict: 'stopped' };

/** Decides on one check at a time; there is one for each process. */
export interface Checker {
  /** Rejects only when the results themselves cannot be read or handed over. */
  check(check: Check): Promise<Verdict>;
  close(): Promise<void>;
}

/** A job's validator: user code that decides whether an attempt's results are good. */
export class Validator {
  readonly #idle: Checker[];
  readonly #all: readonly Checker[];
  readonly #waiting: { readonly take: (checker: Checker | null) => void }[] = [];
  #closed = false;

  private constructor(checkers: readonly Checker[]) {
    this.#all = checkers;
    this.#idle = [...checkers];
  }

  /**
   * Starts no process yet. Errors: `CODE_UNREADABLE`, `CODE_CHANGED`, `CLASSAD_SYNTAX_WRONG`,
   * `CLASSAD_TOO_LARGE`.
   */
  static async open(request: ValidatorRequest, ports: UserCodePorts): Promise<Validator> {
    const { timeoutMs, memoryBytes } = request;
    const globs = globNames(request.sources);
    if (request.code.kind === 'expression') {
      return new Validator([new ExpressionChecker(request.code.text, globs)]);
    }
    const code = await requireUserCode('validator', request.code, ['module', 'executable']);
    const limits = { path: code.path, globs, timeoutMs, memoryBytes };
    const checkers = Array.from({ length: Math.max(1, request.processes) }, () =>
      code.kind === 'module'
        ? new ModuleChecker(limits, ports)
        : new ExecutableChecker(limits, ports),
    );
    return new Validator(checkers);
  }

  /** Waits for a free process, then asks it. */
  async check(check: Check): Promise<Verdict> {
    const checker = await this.#take();
    if (!checker) return { verdict: 'stopped' };
    try {
      const verdict = await checker.check(check);
      return this.#closed && verdict.verdict === 'fault' ? { verdict: 'stopped' } : verdict;
    } finally {
      this.#give(checker);
    }
  }

  #take(): Promise<Checker | null> | Checker | null {
    if (this.#closed) return null;
    return this.#idle.pop() ?? new Promise((take) => this.#waiting.push({ take }));
  }

  #give(checker: Checker): void {
    const next = this.#waiting.shift();
    if (next) next.take(this.#closed ? null : checker);
    else this.#idle.push(checker);
  }

  /** Kills what runs; checks under way end as `stopped`. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { take } of this.#waiting.splice(0)) take(null);
    await Promise.all(this.#all.map((checker) => checker.close()));
  }
}
