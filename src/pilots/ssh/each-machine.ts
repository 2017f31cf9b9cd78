/** The same with many machines: so many at once, each with a conversation of its own. */
import { type Clock, messageOf, WindrowError } from '#base';
import { pilotErrors } from '../errors.ts';
import type { Machine } from '../node-file.ts';
import { isUnclear, sshFailure } from './diagnosis.ts';
import { MachineShell, ShellEnded } from './machine-shell.ts';
import type { SshOptions } from './ssh-command.ts';

export interface Crowd {
  readonly machines: readonly Machine[];
  readonly ssh: SshOptions;
  /** Conversations at the same time. */
  readonly parallel: number;
  readonly clock: Clock;
  /** Aborted: conversations are ended, what is left is not begun. */
  readonly signal: AbortSignal;
}

/** What came of one machine. */
export interface MachineResult<T> {
  readonly machine: Machine;
  readonly value: T | null;
  /** Null when there is a value. */
  readonly error: WindrowError | null;
  readonly tookMs: number;
}

/** Talks to every machine; resolves with one result each, in their order. Never rejects. */
export async function eachMachine<T>(
  crowd: Crowd,
  work: (machine: Machine, shell: MachineShell) => Promise<T>,
  hooks: {
    readonly onResult?: (result: MachineResult<T>) => void;
    readonly onErrorLine?: (machine: Machine, line: string) => void;
  } = {},
): Promise<MachineResult<T>[]> {
  const results: MachineResult<T>[] = [];
  let next = 0;
  const oneAfterTheOther = async (): Promise<void> => {
    for (let at = next++; at < crowd.machines.length; at = next++) {
      const machine = crowd.machines[at]!;
      const onErrorLine = (line: string) => hooks.onErrorLine?.(machine, line);
      const sinceMs = crowd.clock.monotonic();
      const outcome = await talk(machine, crowd, work, onErrorLine);
      const result = { machine, ...outcome, tookMs: crowd.clock.monotonic() - sinceMs };
      results[at] = result;
      hooks.onResult?.(result);
    }
  };
  const count = Math.min(crowd.parallel, crowd.machines.length);
  await Promise.all(Array.from({ length: count }, oneAfterTheOther));
  return results;
}

async function talk<T>(
  machine: Machine,
  crowd: Crowd,
  work: (machine: Machine, shell: MachineShell) => Promise<T>,
  onErrorLine: (line: string) => void,
): Promise<{ value: T | null; error: WindrowError | null }> {
  const { signal, ssh } = crowd;
  let shell: MachineShell | undefined;
  const interrupt = () => shell?.kill();
  signal.addEventListener('abort', interrupt);
  try {
    if (signal.aborted) throw interrupted(machine);
    shell = await MachineShell.open(machine, ssh, onErrorLine, signal);
    return { value: await work(machine, shell), error: null };
  } catch (error) {
    if (signal.aborted) return { value: null, error: interrupted(machine) };
    return { value: null, error: await explain(error, machine, crowd) };
  } finally {
    signal.removeEventListener('abort', interrupt);
    await shell?.close();
  }
}

function interrupted({ name }: Machine): WindrowError {
  return pilotErrors.create('PILOT_INTERRUPTED', { machine: name });
}

/** Errors of other rooms do not say on which machine it was. */
function naming({ name }: Machine, error: WindrowError): WindrowError {
  const { code, message, todo, status, facts, cause } = error;
  if (facts.machine !== undefined) return error;
  const named = { code, message: `${name}: ${message}`, todo, status };
  return new WindrowError({ ...named, facts: { ...facts, machine: name } }, { cause });
}

/** Where a connection broke off without a word, another one may tell why. */
async function explain(
  error: unknown,
  machine: Machine,
  { ssh, signal }: Crowd,
): Promise<WindrowError> {
  if (error instanceof WindrowError) return naming(machine, error);
  if (!(error instanceof ShellEnded)) {
    const facts = { machine: machine.name, reason: messageOf(error), byHand: '' };
    return pilotErrors.create('PILOT_SSH_FAILED', facts, { cause: error });
  }
  if (!error.end.wasReady || !isUnclear(error.end)) return sshFailure(machine, error.end);
  try {
    const shell = await MachineShell.open(machine, ssh, undefined, signal);
    await shell.close();
    return sshFailure(machine, error.end);
  } catch (second) {
    const end = second instanceof ShellEnded ? second.end : error.end;
    if (signal.aborted) return interrupted(machine);
    return sshFailure(machine, isUnclear(end) ? error.end : end);
  }
}
