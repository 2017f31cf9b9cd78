/** One fetch of a file by all processes that share its directory, on however many machines. */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '#base';
import { breakLock, pause, takeLock } from '#base';

/** A holder of the lock whose fetch shows no progress for this long is passed over. */
const STALLED_MS = 60_000;
const LOOK_AGAIN_MS = 100;

/**
 * Takes `<target>.lock`, or waits until another process has brought `target`; whether it has must
 * be looked at afterwards. Resolves with what gives the lock back. Whether a holder on another
 * machine still lives is judged by whether anything changes while this process watches, on its own
 * monotonic clock.
 */
export async function lockFetch(
  target: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<() => void> {
  const path = `${target}.lock`;
  let seen = { progress: '', sinceMs: clock.monotonic() };
  while (!signal.aborted) {
    const lock = takeLock(path);
    if (lock.taken) return lock.release;
    const progress = `${JSON.stringify(lock.holder)} ${draftBytes(target)}`;
    const nowMs = clock.monotonic();
    if (progress !== seen.progress) seen = { progress, sinceMs: nowMs };
    else if (nowMs - seen.sinceMs > STALLED_MS) breakLock(path, lock.holder);
    await pause(LOOK_AGAIN_MS, signal);
    if (statSync(target, { throwIfNoEntry: false })?.isFile()) return () => {};
  }
  return () => {};
}

/** Bytes of the file that have arrived under other names. */
function draftBytes(target: string): number {
  const folder = dirname(target);
  const drafts = readdirSync(folder).filter(
    (name) => name.startsWith(`${basename(target)}.`) && name.endsWith('.part'),
  );
  const sizes = drafts.map((name) => {
    return statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  });
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
