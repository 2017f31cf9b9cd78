/** What a client of the open protocol says to `/failed`, as a cause of ours. */
import type { Cause } from '#model';

export interface SpokenFailure {
  readonly cause: Cause;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The text as given, on one line, for people. */
  readonly reason: string;
}

const MOST_CHARACTERS = 2000;

/** Causes that a client can know of; the others are the server's to find. */
const TELLABLE: ReadonlySet<string> = new Set<Cause>([
  'exit-code',
  'signal',
  'timeout',
  'memory',
  'disk',
  'missing-result',
  'stage-in',
  'stage-out',
  'launch',
  'cancelled',
]);

/**
 * Reads `reason=`: its first word may be a cause, followed by the exit code or signal where there
 * is one (`exit-code 3`, `signal 9`, `signal SIGSEGV`, `timeout`). Anything else is a failure of
 * the program with that text as its reason.
 */
export function readFailure(text: string): SpokenFailure {
  const reason = text
    .slice(0, MOST_CHARACTERS)
    .replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ')
    .trim();
  const [word = '', figure = ''] = reason.split(' ', 2);
  const cause = TELLABLE.has(word) ? (word as Cause) : 'exit-code';
  const exitCode = cause === 'exit-code' && /^\d{1,3}$/.test(figure) ? Number(figure) : null;
  const signal = cause === 'signal' ? signalOf(figure) : null;
  return { cause, exitCode, signal, reason: reason || 'the client gave no reason' };
}

/** Numbers that are the same on every system (POSIX `kill`). */
const SIGNALS = new Map(
  Object.entries({
    1: 'SIGHUP',
    2: 'SIGINT',
    3: 'SIGQUIT',
    6: 'SIGABRT',
    8: 'SIGFPE',
    9: 'SIGKILL',
    11: 'SIGSEGV',
    13: 'SIGPIPE',
    14: 'SIGALRM',
    15: 'SIGTERM',
  }),
);

function signalOf(figure: string): string | null {
  if (/^SIG[A-Z0-9]{2,12}$/.test(figure)) return figure;
  return SIGNALS.get(figure) ?? null;
}
