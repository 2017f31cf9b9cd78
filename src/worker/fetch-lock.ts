/** One fetch of a file by all processes that share its directory, on however many machines. */
import { statSync } from 'node:fs';
import type { Clock } from '#base';
import { pause } from './backoff.ts';
import { takeLock } from './lock-file.ts';

/** A foreign holder of the lock whose fetch shows no progress for this long is passed over. */
const STALLED_MS = 60_000;
const LOOK_AGAIN_MS = 100;

/**
 * Takes `<target>.lock`, or waits until another process has brought `target`; whether it has must
 * be looked at afterwards. Resolves with what gives the lock back. Whether a holder on another
 * machine still lives is judged by this process's own watching, on its own monotonic clock.
 */
export async function lockFetch(
  target: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<() => void> {
  const startedMs = clock.monotonic();
  while (!signal.aborted && clock.monotonic() - startedMs < STALLED_MS) {
    const lock = takeLock(`${target}.lock`);
    if (lock.taken) return lock.release;
    await pause(LOOK_AGAIN_MS, signal);
    if (statSync(target, { throwIfNoEntry: false })?.isFile()) return () => {};
  }
  return () => {}; // fetching a second time costs only bytes
}
