/**
 * The tags of this machine's workers that may have something outside of their directories, so that any
 * of them finds what one that was killed has left, also where nobody will ever work in that directory
 * again. One lock for each tag, in a folder of one account that does not outlive the machine's start;
 * only the lock of a process that is known to be gone lets others at what has its tag.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makeDirectories, readLock, takeLock } from '#base';

const TAG = /^windrow-[0-9a-f]{8}$/;
/** Somebody may be clearing up after the last worker that had the tag. */
const ENTER_MS = 10_000;
const LOOK_MS = 50;

/** Of a worker that was killed; this process holds its tag until it is `forget`ten, or ends. */
export interface DeadTag {
  readonly tag: string;
  /** The worker's. */
  readonly directory: string;
  /** When nothing is left of it. */
  forget(): void;
}

export class Register {
  readonly #folder: string;
  #leave: (() => void) | null = null;

  /** `folder`: absolute; made when it is needed. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * To be called under the lock of `directory`, before anything is made outside of it. Where the folder
   * cannot be had, or whoever has the tag keeps it, the worker goes on without: what it leaves is then
   * found by the next one in its directory only.
   */
  async enter(tag: string, directory: string): Promise<void> {
    if (this.#leave || !this.#isOurs()) return;
    for (let waitedMs = 0; waitedMs < ENTER_MS; waitedMs += LOOK_MS) {
      const lock = this.#take(tag, directory);
      if (lock === null) return;
      if (lock.taken) {
        this.#leave = lock.release;
        return;
      }
      if (readLock(join(this.#folder, tag))?.life === 'unknown') return;
      await pause(LOOK_MS);
    }
  }

  /** When nothing is left outside of the directory. */
  leave(): void {
    this.#leave?.();
    this.#leave = null;
  }

  /** Those that nobody lives for, each taken; what another process is clearing up is left to it. */
  dead(): DeadTag[] {
    return this.#tags().flatMap((tag) => {
      const found = readLock(join(this.#folder, tag));
      if (found?.life !== 'gone') return [];
      const lock = this.#take(tag, found.holder.worker);
      return lock?.taken ? [{ tag, directory: found.holder.worker, forget: lock.release }] : [];
    });
  }

  /** A lock has a place for whose it is: here, which directory's. */
  #take(tag: string, directory: string) {
    try {
      const owner = { worker: directory, session: '', server: '' };
      return takeLock(join(this.#folder, tag), owner);
    } catch {
      return null; // a full or read-only file system
    }
  }

  #tags(): string[] {
    try {
      // Who else may write here could have others' groups removed.
      if (!isPrivate(this.#folder)) return [];
      return readdirSync(this.#folder).filter((name) => TAG.test(name));
    } catch {
      return []; // nobody has entered anything
    }
  }

  #isOurs(): boolean {
    try {
      makeDirectories(this.#folder, 0o700);
      return isPrivate(this.#folder);
    } catch {
      return false;
    }
  }
}

/** A directory, no link, of this account, that nobody else may write to. */
function isPrivate(folder: string): boolean {
  const found = lstatSync(folder);
  return found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
}
