/**
 * What one process has in a store that several share: `sharers/ID/` with the names by which it holds
 * bytes, what only passes through, and its part of the index. When the process is gone, whoever
 * opens the store next clears it away.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  hostFolder,
  type LockHolder,
  lifeSeenFromHere,
  ownHolder,
  parseHolder,
  removeTree,
} from '#base';
import { namesIn, removeFile, unlessGone } from './files.ts';
import type { Layout } from './layout.ts';

const HEARTBEAT_MS = 60_000;
/** Behind the name of what is being cleared away. */
const GONE = '.gone';
/** Of another machine nothing else is seen; long, because a paused machine may come back. */
const SILENT_MS = 24 * 3_600_000;

/** The name by which held bytes are known; shared by all in this process that hold the same. */
interface Hold {
  readonly path: string;
  readonly sha256: string;
  count: number;
}

/** Which version of which entry is held. */
export interface HeldBytes {
  readonly hash: string;
  readonly sha256: string;
  readonly modifiedNs: string;
}

export interface Grip {
  readonly path: string;
  /** Never fails; the second time does nothing. */
  release(): Promise<void>;
}

function keyOf({ hash, sha256, modifiedNs }: HeldBytes): string {
  return `${hash} ${sha256} ${modifiedNs}`;
}

export class Sharer {
  readonly id: string;
  readonly directory: string;
  readonly #layout: Layout;
  readonly #holds = new Map<string, Hold>();
  readonly #sweep: (sha256: string) => Promise<unknown>;
  readonly #heartbeat: NodeJS.Timeout;
  #names = 0;

  private constructor(layout: Layout, id: string, sweep: (sha256: string) => Promise<unknown>) {
    this.#layout = layout;
    this.#sweep = sweep;
    this.id = id;
    this.directory = join(layout.folder('sharers'), id);
    this.#heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS).unref();
  }

  /** `sweep` is told when the last hold of some bytes was given back. */
  static async open(layout: Layout, sweep: (sha256: string) => Promise<unknown>): Promise<Sharer> {
    const holder = ownHolder();
    const unique = randomBytes(6).toString('hex');
    const id = `${hostFolder(holder.host)}.${holder.pid}.${unique}`;
    const sharer = new Sharer(layout, id, sweep);
    await mkdir(sharer.directory, { mode: 0o700 });
    // Before anything else in it: a directory without a holder is a dead one's.
    await writeFile(join(sharer.directory, 'holder'), JSON.stringify(holder), { mode: 0o600 });
    for (const folder of ['holds', 'passing']) await mkdir(join(sharer.directory, folder));
    return sharer;
  }

  /** A new name for bytes of an entry that are to be held. */
  newHold(hash: string): string {
    return join(this.directory, 'holds', `${hash}.${this.#names++}`);
  }

  /** For what may not be kept. */
  newPassing(): string {
    return join(this.directory, 'passing', `${this.#names++}`);
  }

  /**
   * Takes over a name made at `newHold`. The same bytes of the same entry share one name, because
   * file systems limit how many a file may have. The answer's `release` gives it back.
   */
  async adopt(path: string, held: HeldBytes): Promise<Grip> {
    const shared = this.share(held);
    if (shared) {
      await removeFile(path);
      return shared;
    }
    const key = keyOf(held);
    const hold = { path, sha256: held.sha256, count: 1 };
    this.#holds.set(key, hold);
    return { path, release: this.#releaser(key, hold) };
  }

  /** A further holder of what is held already; null when nothing is. */
  share(held: HeldBytes): Grip | null {
    const key = keyOf(held);
    const known = this.#holds.get(key);
    if (!known) return null;
    known.count++;
    return { path: known.path, release: this.#releaser(key, known) };
  }

  /** Lets those who hold it keep it, and shares it with nobody any more. */
  disown(held: HeldBytes): void {
    this.#holds.delete(keyOf(held));
  }

  #releaser(key: string, hold: Hold): () => Promise<void> {
    let released = false;
    return async () => {
      if (released) return;
      released = true;
      if (--hold.count > 0) return;
      if (this.#holds.get(key) === hold) this.#holds.delete(key);
      await removeFile(hold.path).catch(() => {}); // the next one to open the store clears it away
      await this.#sweep(hold.sha256).catch(() => {});
    };
  }

  /** Entries that any process holds. */
  async inUse(): Promise<Set<string>> {
    const hashes = new Set<string>();
    for (const id of await namesIn(this.#layout.folder('sharers'))) {
      for (const name of await namesIn(join(this.#layout.folder('sharers'), id, 'holds'))) {
        hashes.add(name.split('.')[0]!);
      }
    }
    return hashes;
  }

  /** True when the process of that id is sure to be over. */
  async isGone(id: string): Promise<boolean> {
    await this.#beat();
    const own = await stat(join(this.directory, 'holder'));
    return !(await this.#isThere(join(this.#layout.folder('sharers'), id), own.mtimeMs, false));
  }

  /** Clears away what processes left that are gone; their part of the index is kept. */
  async clearGone(): Promise<void> {
    const root = this.#layout.folder('sharers');
    await this.#beat();
    const own = await stat(join(this.directory, 'holder'));
    for (const id of await namesIn(root)) {
      const directory = join(root, id);
      if (id === this.id) continue;
      const isKnown = id.endsWith(GONE);
      if (!isKnown && (await this.#isThere(directory, own.mtimeMs))) continue;
      const gone = isKnown ? directory : await this.#giveUp(id, directory);
      // Another one may clear it away just now, and what it leaves the next one finds.
      await removeTree(gone).catch(() => {});
    }
  }

  /** By its new name it is known to be gone, however little is left of it. */
  async #giveUp(id: string, directory: string): Promise<string> {
    for (const name of await namesIn(directory)) {
      if (!name.endsWith('.log')) continue;
      await unlessGone(
        rename(join(directory, name), join(this.#layout.folder('index'), `${id}.${name}`)),
      );
    }
    await unlessGone(rename(directory, `${directory}${GONE}`));
    return `${directory}${GONE}`;
  }

  /** `nowMs` by the clock of the file system, which all its machines share. */
  async #isThere(directory: string, nowMs: number, ifMissing = true): Promise<boolean> {
    const path = join(directory, 'holder');
    const found = await unlessGone(stat(path));
    // Without its holder it is just being made, or half cleared away.
    const since = found ?? (await unlessGone(stat(directory)));
    if (since === null) return ifMissing;
    if (found === null) return nowMs - since.mtimeMs < HEARTBEAT_MS;
    const life = lifeSeenFromHere(await readHolder(path));
    return life === 'alive' || (life === 'unknown' && nowMs - found.mtimeMs < SILENT_MS);
  }

  async #beat(): Promise<void> {
    const now = new Date();
    await utimes(join(this.directory, 'holder'), now, now).catch(() => {}); // it was cleared away
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    const contents = [...this.#holds.values()].map(({ sha256 }) => sha256);
    this.#holds.clear();
    await removeTree(this.directory).catch(() => {}); // as above
    for (const sha256 of contents) await this.#sweep(sha256).catch(() => {});
  }
}

async function readHolder(path: string): Promise<LockHolder> {
  return parseHolder((await unlessGone(readFile(path, 'utf8'))) ?? '');
}
