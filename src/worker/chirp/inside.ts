/**
 * Paths of a program inside its scratch directory. Each folder on the way is opened without following
 * links, from the folder before it: no link, whenever it is made, leads outside.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { ChirpFault, CODES } from './codes.ts';

const OPEN_FOLDER = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY;

export interface Root {
  /** Absolute, as this machine has it. */
  readonly path: string;
  /** As the program has it; the same without walls. */
  readonly seen: string;
}

/** Calls `use` with a path whose folders cannot be exchanged meanwhile; its last part may be a link. */
export function inside<T>(root: Root, path: string, use: (safe: string) => T): T {
  const parts = partsOf(root, path);
  let folder = openSync(root.path, OPEN_FOLDER);
  try {
    for (const part of parts.slice(0, -1)) {
      const next = openSync(`/proc/self/fd/${folder}/${part}`, OPEN_FOLDER);
      closeSync(folder);
      folder = next;
    }
    return use(`/proc/self/fd/${folder}/${parts.at(-1) ?? '.'}`);
  } finally {
    closeSync(folder);
  }
}

/** Absolute paths are those that the program sees. @throws ChirpFault for what leads outside */
function partsOf({ path: real, seen }: Root, path: string): string[] {
  if (path.includes('\0')) throw new ChirpFault(CODES.invalid);
  let inner = path;
  if (path.startsWith('/')) {
    const root = [seen, real].find((one) => path === one || path.startsWith(`${one}/`));
    if (root === undefined) throw new ChirpFault(CODES.notAuthorized);
    inner = path.slice(root.length);
  }
  const parts = inner.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new ChirpFault(CODES.notAuthorized);
  return parts;
}
