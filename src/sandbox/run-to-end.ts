/** A program of others run to its end: bounded in time and output, its whole tree ended with it. */
import { openLineProcess } from './line-process.ts';

export interface ToEndOptions {
  readonly directory: string;
  /** The whole environment; only WINDROW_START is added. */
  readonly environment: Readonly<Record<string, string>>;
  readonly lifetimeMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Of stdout and stderr 64 KiB are kept, their heads and tails. */
export interface ToEnd {
  readonly how: 'exited' | 'timed-out' | 'aborted' | 'not-started';
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** Why it could not be started, where it was not. */
  readonly stderr: string;
}

/** Longer timers fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Never rejects. Unlike a tool of the system it may have left children anywhere: they end too. */
export async function runToEnd(
  argv: readonly [string, ...string[]],
  options: ToEndOptions,
): Promise<ToEnd> {
  const { directory, environment, lifetimeMs, signal } = options;
  let broken: 'timed-out' | 'aborted' | null = null;
  const running = openLineProcess({
    argv,
    directory,
    environment,
    memoryBytes: 0,
    onLine: () => {},
  });
  const breakOff = (how: 'timed-out' | 'aborted') => {
    broken ??= how;
    running.kill();
  };
  const abort = () => breakOff('aborted');
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => breakOff('timed-out'), Math.min(lifetimeMs, LONGEST_TIMER_MS));
  const end = await running.closed;
  clearTimeout(timer);
  signal?.removeEventListener('abort', abort);
  const unstarted = end.reason === 'not-started';
  return {
    how: unstarted ? 'not-started' : (broken ?? 'exited'),
    exitCode: end.exitCode,
    signal: end.signal as NodeJS.Signals | null,
    stdout: end.stdout.text,
    stderr: unstarted ? end.message : end.stderr.text,
  };
}
