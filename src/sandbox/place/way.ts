/**
 * The directories on the way to a place, one held while the next is opened in it: nobody can exchange one
 * of them between two looks. Root that went by the path again and again could be led elsewhere by whoever
 * may write on the way.
 */
import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs';

/** Linux, fcntl.h: a place in the tree and no more; it need not be readable. */
const O_PATH = 0o10000000;
const HELD = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export interface Way {
  /** From `/` to the place itself. */
  readonly directories: readonly { readonly path: string; readonly found: BigIntStats }[];
  /** `MAJOR:MINOR:INODE` of the place, as the last stage compares it. */
  readonly identity: string;
}

/**
 * `path` is absolute and without `.` and `..`. Throws the system's error, ENOTDIR where a part of it is a
 * symbolic link or no directory.
 */
export function wayTo(path: string): Way {
  const directories: { path: string; found: BigIntStats }[] = [];
  let held = openSync('/', HELD);
  try {
    directories.push({ path: '/', found: fstatSync(held, { bigint: true }) });
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next = openSync(`/proc/self/fd/${held}/${name}`, HELD);
      closeSync(held);
      held = next;
      const at = directories.at(-1)!.path;
      const found = fstatSync(held, { bigint: true });
      directories.push({ path: at === '/' ? `/${name}` : `${at}/${name}`, found });
    }
    return { directories, identity: identityOf(directories.at(-1)!.found) };
  } finally {
    closeSync(held);
  }
}

/** Device numbers as makedev(3) puts them together. */
function identityOf({ dev, ino }: BigIntStats): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}:${ino}`;
}
