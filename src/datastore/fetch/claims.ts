/**
 * Who fetches what, among processes that share a store. A claim only saves work: without it, or when
 * it is broken wrongly, a file comes twice, and never wrong.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { breakLock, type Clock, type LockHolder, lifeSeenFromHere, pause, takeLock } from '#base';
import { unlessGone } from '../disk/files.ts';

const LOOK_FROM_MS = 20;
const LOOK_TO_MS = 500;
/** A holder on another machine whose transfer shows nothing for so long is passed over. */
const STALLED_MS = 60_000;
/** One on this machine lives, and has floors of its own; but a stopped process has none. */
const STOPPED_MS = 10 * STALLED_MS;

export interface Claimed {
  /** `came`: another process has brought it, so look again. */
  readonly kind: 'taken' | 'came';
  release(): void;
}

export interface ClaimWish {
  /** Of the claims' directory. */
  readonly folder: string;
  readonly hash: string;
  readonly sharer: string;
  /** Where the bytes grow that a sharer brings. */
  partOf(sharer: string): string;
  /** What tells whether the entry has changed. */
  readonly entryPath: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  onProgress(bytes: number, totalBytes: number | null): void;
}

/** Waits until the claim is ours, or until another process has brought the entry. */
export async function takeClaim(wish: ClaimWish): Promise<Claimed> {
  const { folder, hash, sharer, clock, signal } = wish;
  const path = join(folder, hash);
  const before = await versionOf(wish.entryPath);
  let seen = { progress: '', sinceMs: clock.monotonic() };
  for (let waitMs = LOOK_FROM_MS; ; waitMs = Math.min(LOOK_TO_MS, waitMs * 1.5)) {
    signal.throwIfAborted();
    // The lock's owner says whose part it is; the other words are for workers. It only saves work, so
    // the disk is not waited for: one that power left without a name is passed over as one that stalls.
    const lock = takeLock(path, { worker: sharer, session: '', server: '' }, false);
    if (lock.taken && (await versionOf(wish.entryPath)) === before) {
      return { kind: 'taken', release: lock.release };
    }
    if (lock.taken) lock.release();
    if ((await versionOf(wish.entryPath)) !== before) return { kind: 'came', release: () => {} };
    if (!lock.taken) {
      const bytes = (await unlessGone(stat(wish.partOf(lock.holder.worker))))?.size ?? 0;
      wish.onProgress(bytes, null);
      const progress = `${lock.holder.worker} ${bytes}`;
      const nowMs = clock.monotonic();
      if (progress !== seen.progress) seen = { progress, sinceMs: nowMs };
      else if (nowMs - seen.sinceMs > patienceMs(lock.holder)) breakLock(path, lock.holder);
    }
    await pause(waitMs, signal);
  }
}

function patienceMs(holder: LockHolder): number {
  return lifeSeenFromHere(holder) === 'alive' ? STOPPED_MS : STALLED_MS;
}

async function versionOf(path: string): Promise<string> {
  const found = await unlessGone(stat(path, { bigint: true }));
  return found === null ? '' : `${found.ino} ${found.mtimeNs}`;
}
