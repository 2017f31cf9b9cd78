/**
 * Private directories that come and go with attempts. Removing one costs ext4 100 to 300 µs, more than the
 * rest of a short attempt, and far more while others sync; so a directory that its program left untouched
 * is used again under another name.
 */
import { chownSync, lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { removeScratch, removeTree } from './remove-tree.ts';

const MOST_SPARES = 64;

export interface ShelvedDirectory {
  readonly path: string;
  /** Change time of the inode when it was handed out: chmod, xattrs and any entry move it. */
  readonly changedNs: bigint;
}

export class DirectoryShelf {
  readonly #root: string;
  /** Each under the name it had last. */
  readonly #spares: string[] = [];

  /** `root` exists by the time that something is taken. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Makes `<root>/<name>`, empty, mode 0700, of this process's account. Throws the system's error. */
  take(name: string): ShelvedDirectory {
    const path = `${this.#root}/${name}`;
    if (!this.#reuse(path)) mkdirSync(path, { mode: 0o700 });
    const { uid, ctimeNs } = lstatSync(path, { bigint: true });
    if (Number(uid) === process.geteuid?.()) return { path, changedNs: ctimeNs };
    // The account of the attempt before has given it back empty.
    chownSync(path, process.geteuid!(), process.getegid!());
    return this.asOf(path);
  }

  /** Once its owner was changed, which is no touch of the program's. */
  asOf(path: string): ShelvedDirectory {
    return { path, changedNs: lstatSync(path, { bigint: true }).ctimeNs };
  }

  #reuse(path: string): boolean {
    // Its own from before: it was handed ahead and came back. Renamed over, it would be in the list
    // and in use, and the next to take it would take it away.
    const own = this.#spares.indexOf(path);
    if (own >= 0) {
      this.#spares.splice(own, 1);
      return true;
    }
    const spare = this.#spares.pop();
    if (spare === undefined) return false;
    try {
      renameSync(spare, path);
      return true;
    } catch {
      return false; // somebody has removed it; a new one is as good
    }
  }

  /**
   * Takes a directory back. `sealed` says that no process of its program can be left, which would
   * meet the next one there. A promise only when there is something to remove.
   */
  give(directory: ShelvedDirectory, sealed: boolean): Promise<void> | undefined {
    if (sealed && this.#spares.length < MOST_SPARES && isUntouched(directory)) {
      this.#spares.push(directory.path);
      return undefined;
    }
    return removeScratch(directory.path);
  }

  async close(): Promise<void> {
    for (const spare of this.#spares.splice(0)) await removeTree(spare).catch(() => {});
  }
}

/**
 * Change times are only as fine as the kernel's tick (4 ms), so a quick program is also caught by
 * the entries it left.
 */
function isUntouched({ path, changedNs }: ShelvedDirectory): boolean {
  try {
    const { ctimeNs, mode } = lstatSync(path, { bigint: true });
    return ctimeNs === changedNs && (mode & 0o7777n) === 0o700n && readdirSync(path).length === 0;
  } catch {
    return false;
  }
}
