/** From how a program ended to the attempt's cause and a sentence for a person. Pure. */
import { formatDuration } from '#base';
import type { ProgramEnd } from '#sandbox';
import type { Verdict } from './attempt.ts';

export interface EndFacts {
  readonly stopped: Verdict | null;
  readonly excess: Verdict | null;
  /** A limit that the kernel holds was reached. */
  readonly exceeded: Verdict | null;
  readonly timeoutMs: number;
  /** The exit code that counts as success. */
  readonly success: number;
  /** The command ran under `/bin/sh -c`. */
  readonly shell: boolean;
}

/**
 * Null when the program ended well. A kill only counts when it came before the program's own end;
 * what Windrow did on purpose goes before what the program made of it.
 */
export function verdictOf(end: ProgramEnd, facts: EndFacts): Verdict | null {
  if (end.killed && facts.stopped) return facts.stopped;
  if (end.killed && facts.excess) return facts.excess;
  if (end.timedOut) {
    const limit = formatDuration(facts.timeoutMs);
    return { cause: 'timeout', reason: `The program ran longer than its limit of ${limit}.` };
  }
  // What lost a process for lack of memory is not to be believed. But a program that goes on without
  // what it was refused, and ends well, has not failed.
  const isWhole =
    facts.exceeded?.cause !== 'memory' && end.signal === null && end.exitCode === facts.success;
  // A refused process explains a failure, not a signal.
  const explains = facts.exceeded?.cause !== 'exit-code' || end.signal === null;
  if (facts.exceeded && !isWhole && explains) return facts.exceeded;
  if (end.signal !== null) return { cause: 'signal', reason: signalReason(end.signal) };
  if (end.exitCode !== facts.success) {
    const other = facts.success === 0 ? '' : ` Success would be ${facts.success}.`;
    return { cause: 'exit-code', reason: exitReason(end.exitCode, facts.shell) + other };
  }
  return null;
}

/** What the server asked for; the worker's own reasons are its own. */
export const CANCELLED: Verdict = { cause: 'cancelled', reason: 'The attempt was cancelled.' };
export const SUPERSEDED: Verdict = {
  cause: 'superseded',
  reason: 'The attempt is not wanted any more: another one has taken its place.',
};

const SIGNAL_HINTS: Readonly<Record<string, string>> = {
  SIGSEGV: 'it used memory that is not its own',
  SIGBUS: 'it used memory that is not there',
  SIGABRT: 'it gave up by itself, as after a failed assertion',
  SIGFPE: 'it computed something undefined, such as a division by zero',
  SIGILL: 'it has instructions that this processor does not know',
  SIGKILL: 'nobody here sent it; the system does when memory runs out',
  SIGXCPU: 'it used more processor time than the system lets it',
  SIGXFSZ: 'it wrote a larger file than the system lets it',
  SIGPIPE: 'it wrote to something that nobody reads',
};

function signalReason(signal: string): string {
  const hint = SIGNAL_HINTS[signal];
  return `The program was ended by ${signal}${hint ? ` (${hint})` : ''}.`;
}

/** Statuses above 125 are the shell's own (POSIX.1-2024, XCU 2.8.2). */
function exitReason(code: number | null, shell: boolean): string {
  if (code === null) return 'The program ended, but its exit status is unknown.';
  const plain = `The program ended with exit code ${code}`;
  if (!shell || code < 126) return `${plain}.`;
  if (code === 126) return `${plain}: the shell found the command but could not run it.`;
  if (code === 127) return `${plain}: the shell did not find a command of that name.`;
  return code > 128 && code <= 192
    ? `${plain}: a command in it was ended by signal ${code - 128}.`
    : `${plain}.`;
}
