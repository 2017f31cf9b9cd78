import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type CheckerLimits, oneLine } from './module-checker.ts';
import type { ProgramOutcome, ProgramStarter, UserCodePorts } from './port.ts';
import { removeTree, writeResultFiles } from './result-files.ts';
import type { Check, Checker, Verdict } from './validator.ts';

const KILL_GRACE_MS = 1000;
const STDERR_BYTES = 4096;

/**
 * Checks with an executable, started anew for each check in a private directory that holds one
 * file per result. Status 0 is good, 1 to 125 refuse, with the last line of stderr as the reason;
 * 126, 127 and signals are faults: shells use them when they could not run something.
 */
export class ExecutableChecker implements Checker {
  readonly #limits: CheckerLimits;
  readonly #ports: UserCodePorts;
  #starter: ProgramStarter | null = null;
  #kill: (() => void) | null = null;
  #closed = false;

  constructor(limits: CheckerLimits, ports: UserCodePorts) {
    this.#limits = limits;
    this.#ports = ports;
  }

  async check(check: Check): Promise<Verdict> {
    const directory = await mkdtemp(join(this.#ports.temporaryDirectory, 'check-'));
    try {
      await writeResultFiles(directory, check.record, this.#limits.globs);
      return await this.#run(directory, check);
    } finally {
      await removeTree(directory);
    }
  }

  async #run(directory: string, check: Check): Promise<Verdict> {
    if (this.#closed) return { verdict: 'stopped' };
    this.#starter ??= this.#ports.openStarter();
    let stderr = Buffer.alloc(0);
    const program = this.#starter.start({
      file: this.#limits.path,
      argv: [this.#limits.path],
      environment: environmentOf(this.#ports.environment, directory, check),
      directory,
      stdin: null,
      timeoutMs: this.#limits.timeoutMs,
      killGraceMs: KILL_GRACE_MS,
      onOutput(stream, bytes) {
        if (stream === 'stderr') stderr = Buffer.concat([stderr, bytes]).subarray(-STDERR_BYTES);
      },
    });
    this.#kill = () => program.kill(0);
    const outcome = await program.ended;
    this.#kill = null;
    return verdictOf(outcome, lastLine(stderr), this.#limits.timeoutMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#kill?.();
    await this.#starter?.close();
  }
}

function environmentOf(
  base: Readonly<Record<string, string>>,
  directory: string,
  check: Check,
): Record<string, string> {
  const environment: Record<string, string> = {
    ...base,
    WINDROW_TASK: String(check.task),
    WINDROW_TICKET: String(check.ticket),
    WINDROW_RESULT_DIR: directory,
  };
  for (const [name, value] of Object.entries(check.parameters)) {
    environment[`WINDROW_PARAM_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`] = value;
  }
  return environment;
}

function verdictOf(outcome: ProgramOutcome, reason: string, timeoutMs: number): Verdict {
  if ('failed' in outcome) return fault(`it could not be started (${outcome.code})`);
  if (outcome.timedOut) return fault(`it did not end within ${timeoutMs / 1000} s`);
  const { exitCode } = outcome;
  if (exitCode === 0) return { verdict: 'valid' };
  const said = reason === '' ? '' : `: ${reason}`;
  if (exitCode === null) return fault(`${outcome.signal ?? 'something'} ended it${said}`);
  if (exitCode > 125) return fault(`it exited with status ${exitCode}${said}`);
  return { verdict: 'invalid', reason: reason || `The validator exited with status ${exitCode}.` };
}

function fault(reason: string): Verdict {
  return { verdict: 'fault', reason };
}

function lastLine(stderr: Buffer): string {
  return oneLine(stderr.toString().trimEnd().split('\n').at(-1) ?? '');
}
