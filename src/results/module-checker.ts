import { handResults } from './handed-results.ts';
import type { UserCodePorts } from './port.ts';
import { type CallResult, type Question, UserCodeProcess } from './user-code-process.ts';
import type { Check, Checker, Verdict } from './validator.ts';

export interface CheckerLimits {
  readonly path: string;
  readonly globs: ReadonlySet<string>;
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

/** Checks with a module, in a process that is kept from one check to the next while it behaves. */
export class ModuleChecker implements Checker {
  readonly #limits: CheckerLimits;
  readonly #ports: UserCodePorts;
  #process: UserCodeProcess | null = null;
  #closed = false;

  constructor(limits: CheckerLimits, ports: UserCodePorts) {
    this.#limits = limits;
    this.#ports = ports;
  }

  async check({ parameters, record }: Check): Promise<Verdict> {
    const { globs } = this.#limits;
    const handed = await handResults(record, globs, this.#ports.temporaryDirectory);
    try {
      const question = { call: 'default', parameters, results: handed.results } as const;
      return verdictOf(await this.#ask(question));
    } finally {
      await handed.release();
    }
  }

  async #ask(question: Question): Promise<CallResult> {
    let result = await (await this.#open()).call(question);
    // A process that died of an earlier check's doings says nothing about this one.
    if (result.kind === 'unasked') result = await (await this.#open()).call(question);
    return result;
  }

  async #open(): Promise<UserCodeProcess> {
    if (this.#process?.alive) return this.#process;
    await this.#process?.close();
    if (this.#closed && this.#process) return this.#process;
    const { path: module, timeoutMs, memoryBytes } = this.#limits;
    const request = { mode: 'validate', module, timeoutMs, memoryBytes } as const;
    this.#process = new UserCodeProcess(request, this.#ports);
    if (this.#closed) await this.#process.close();
    return this.#process;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#process?.close();
  }
}

function verdictOf(result: CallResult): Verdict {
  if (result.kind === 'fault' || result.kind === 'unasked') {
    return { verdict: 'fault', reason: oneLine(result.reason) };
  }
  if (result.kind !== 'verdict') {
    return { verdict: 'fault', reason: 'it answered like a collector' };
  }
  if (result.verdict === true) return { verdict: 'valid' };
  const reason = result.verdict === false ? '' : oneLine(result.verdict);
  return { verdict: 'invalid', reason: reason || 'The validator refused the results.' };
}

/** A reason as it is kept: one line, no control characters, at most 500 characters. */
export function oneLine(text: string): string {
  const plain = text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
  return plain.slice(0, 500).toWellFormed();
}
