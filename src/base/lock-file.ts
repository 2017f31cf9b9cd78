/**
 * One process per lock. It is a file that appears whole (written aside, then linked,
 * which fails if the name is taken, also over NFS). It holds host, pid and the process's start
 * time; a lock is stale only when that very process is known to be gone. No clock is asked.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { systemCodeOf } from './errors.ts';
import { type HolderLife, type LockHolder, NOBODY, parseHolder } from './lock-holder.ts';
import { lifeSeenFromHere, ownHolder } from './own-process.ts';

/** Who holds the lock, and whether that is sure to be over; undefined when there is no lock. */
export interface LockState {
  readonly holder: LockHolder;
  readonly life: HolderLife;
}

export type LockResult =
  /** `replaced`: the dead process whose lock was in the way, or null. */
  | { readonly taken: true; readonly replaced: LockHolder | null; release(): void }
  | { readonly taken: false; readonly holder: LockHolder };

/** Whose a lock is, beyond the process. */
export interface LockOwner {
  readonly worker: string;
  readonly session: string;
  readonly server: string;
}

const NO_WORKER: LockOwner = { worker: '', session: '', server: '' };

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').slice(0, 4096);
  } catch {
    return undefined;
  }
}

/** Reads a lock without touching it. */
export function readLock(path: string): LockState | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const holder = parseHolder(text);
  return { holder, life: lifeSeenFromHere(holder) };
}

function tryLink(path: string, text: string, flush: boolean): boolean {
  const aside = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`;
  // Flushed before it has its name: a loss of power must not leave a lock that nobody can read.
  writeFileSync(aside, text, { flag: 'wx', mode: 0o600, flush });
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    return tryExclusive(path, text); // a file system without hard links
  } finally {
    rmSync(aside, { force: true });
  }
}

function tryExclusive(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Takes a lock away from a holder of whom nothing is known but that it makes no progress: the very
 * lock that `holder` holds, and no other that was taken since. For locks that spare work only: who
 * is passed over may live, and so may who was breaking the lock on another machine in that instant.
 */
export function breakLock(path: string, holder: LockHolder): void {
  const text = readText(path);
  if (text === undefined || !isDeepStrictEqual(parseHolder(text), holder)) return;
  const breaker = breakStale(path, text);
  if (breaker !== undefined) breakLock(breakingOf(path), breaker);
}

/**
 * Removes the lock at `path` if it is still the stale one. Between that look and the removal nobody
 * else may remove it, or a lock that was taken meanwhile would go: so only who holds a second lock, on
 * breaking the first, does either. That one is stale in turn if its holder was killed just then.
 *
 * @returns the live process that is breaking it at this moment, if there is one
 */
function breakStale(path: string, stale: string): LockHolder | undefined {
  const breaking = takeLock(breakingOf(path));
  if (!breaking.taken) return breaking.holder;
  try {
    if (readText(path) === stale) rmSync(path, { force: true });
  } finally {
    breaking.release();
  }
  return undefined;
}

function breakingOf(path: string): string {
  return `${path}.breaking`;
}

/**
 * Takes the lock at `path`, or says who has it. Throws only on file system errors. Without `flush` nobody
 * waits for the disk, and after a loss of power it may be there and name nobody.
 */
export function takeLock(path: string, owner: LockOwner = NO_WORKER, flush = true): LockResult {
  const text = JSON.stringify(ownHolder(owner));
  let replaced: LockHolder | null = null;
  for (let round = 0; round < 5; round++) {
    if (tryLink(path, text, flush)) {
      return { taken: true, replaced, release: () => releaseLock(path, text) };
    }
    const found = readText(path);
    if (found === undefined) continue;
    const holder = parseHolder(found);
    if (lifeSeenFromHere(holder) !== 'gone') return { taken: false, holder };
    const breaker = breakStale(path, found);
    if (breaker !== undefined) return { taken: false, holder: breaker };
    replaced = holder;
  }
  return { taken: false, holder: readLock(path)?.holder ?? NOBODY };
}

function releaseLock(path: string, text: string): void {
  if (readText(path) !== text) return; // not ours any more
  try {
    unlinkSync(path);
  } catch {
    // Left behind it is stale, and the next worker removes it.
  }
}
