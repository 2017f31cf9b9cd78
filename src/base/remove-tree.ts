/** Removing what programs leave behind, whatever modes, names and depth they gave it. */
import { chmodSync, lstatSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemCodeOf } from './errors.ts';

/** Entries removed in one turn of the event loop: below a millisecond of blocking. */
const PER_TURN = 64;
/** Well below PATH_MAX (4096): deeper directories are moved up before they are entered. */
const LONG_PATH_BYTES = 3000;

/** True when the directory is gone; one system call when it is empty. */
function removeEmpty(path: string | Buffer): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return systemCodeOf(error) === 'ENOENT';
  }
}

/** Names are bytes: a program may have made one that is not UTF-8. */
function below(directory: Buffer, name: Buffer | string): Buffer<ArrayBuffer> {
  return Buffer.concat([directory, Buffer.from('/'), Buffer.from(name)]);
}

function removeEntry(path: Buffer): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Removes a directory and all below it; symbolic links are removed, never followed. Throws the
 * system's error when something cannot be removed (an immutable file, a mount point).
 */
export async function removeTree(path: string): Promise<void> {
  if (removeEmpty(path)) return;
  const root = Buffer.from(path);
  const open = [root];
  let moved = 0;
  let removed = 0;
  for (let directory = open.at(-1); directory !== undefined; directory = open.at(-1)) {
    if (!lstatSync(directory).isDirectory()) {
      removeEntry(directory);
      open.pop();
      continue;
    }
    chmodSync(directory, 0o700); // a read-only directory cannot be emptied
    const inner: Buffer<ArrayBuffer>[] = [];
    for (const entry of readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })) {
      const child = below(directory, entry.name);
      if (!entry.isDirectory()) removeEntry(child);
      else if (!removeEmpty(child)) inner.push(child);
      if (++removed % PER_TURN === 0) await nextTurn();
    }
    if (inner.length === 0) {
      rmdirSync(directory);
      open.pop();
    }
    for (const child of inner) {
      open.push(child.length < LONG_PATH_BYTES ? child : moveUp(child, root, moved++));
    }
  }
}

function moveUp(directory: Buffer, root: Buffer, count: number): Buffer<ArrayBuffer> {
  const target = below(root, `.windrow-removed-${count}`);
  renameSync(directory, target);
  return target;
}

/** `removeTree` for the common empty case; a promise only when there is more to do. */
export function removeScratch(path: string): Promise<void> | undefined {
  return removeEmpty(path) ? undefined : removeTree(path);
}
