/** Directories of an attempt: made for its account, and removed whatever was done to them. */
import { chownSync, lchownSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  DirectoryShelf,
  messageOf,
  removeScratch,
  type ShelvedDirectory,
  systemCodeOf,
} from '#base';
import { sandboxErrors } from '../errors.ts';
import type { Hand } from '../walls/operation.ts';
import { loosen } from './loosen.ts';
import type { PlaceOperation } from './operation.ts';

export function createPlaceHand(): Hand<PlaceOperation> {
  const shelves = new PrivateShelves();
  return {
    carryOut(operation) {
      try {
        if (operation.do === 'make-directory') shelves.make(operation);
        else if (operation.do === 'keep-directories') mkdirSync(operation.path, PRIVATE);
        else handOver(operation.path, operation.uid, operation.gid);
      } catch (error) {
        throw sandboxErrors.create('WALL_NOT_RAISED', {
          wall: operation.do === 'own' ? 'account' : 'tmp',
          doing: `${operation.do} ${operation.path}`,
          reason: messageOf(error),
        });
      }
      return undefined;
    },

    undo(operation) {
      if (operation.do === 'make-directory') return shelves.give(operation.path);
      // Whoever owns it, root can read and remove it; and nobody but root gives files away.
      return operation.do === 'keep-directories' ? removeForSure(operation.path) : undefined;
    },
  };
}

const PRIVATE = { recursive: true, mode: 0o700 } as const;

class PrivateShelves {
  /** By their folders: a worker has one. */
  readonly #shelves = new Map<string, DirectoryShelf>();
  /** Those of attempts that run, by their paths. */
  readonly #made = new Map<string, ShelvedDirectory>();

  /** Private first, handed over second: at no time has anybody else been in. */
  make({ path, uid, gid }: PlaceOperation & { do: 'make-directory' }): void {
    const shelf = this.#shelves.get(dirname(path)) ?? new DirectoryShelf(dirname(path));
    this.#shelves.set(dirname(path), shelf);
    this.#made.set(path, shelf.take(basename(path)));
    if (uid === process.geteuid?.()) return;
    giveTo(path, uid, gid);
    this.#made.set(path, shelf.asOf(path));
  }

  /** Behind a fence nothing of the program outlives it. */
  give(path: string): Promise<void> | undefined {
    const made = this.#made.get(path);
    this.#made.delete(path);
    const shelf = this.#shelves.get(dirname(path));
    if (!made || !shelf) return removeForSure(path);
    return shelf.give(made, true)?.catch(() => removeForSure(path));
  }
}

function giveTo(path: string, uid: number, gid: number): void {
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
}

/**
 * Before the program runs, so that nobody can exchange what is looked at here. Files with several
 * names belong to the worker's cache as well, and stay its own: executable, but not to be written.
 */
function handOver(path: string, uid: number, gid: number): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) handOver(inner, uid, gid);
    else if (lstatSync(inner).nlink === 1) lchownSync(inner, uid, gid);
  }
  lchownSync(path, uid, gid);
}

/**
 * Removes a directory with all that is in it. When that fails, what a program may have done to it is
 * undone first: mounts, immutable names. Undefined when there was nothing to wait for.
 */
export function removeForSure(path: string): Promise<void> | undefined {
  const failed = async (error: unknown) => {
    await loosen(path);
    try {
      await removeScratch(path);
    } catch (again) {
      throw sandboxErrors.create('WALL_NOT_TAKEN_DOWN', {
        wall: 'files',
        doing: `removing ${path}`,
        reason: messageOf(systemCodeOf(again) === undefined ? error : again),
      });
    }
  };
  try {
    return removeScratch(path)?.catch(failed);
  } catch (error) {
    return failed(error);
  }
}
