/**
 * Programs and inputs of jobs by digest, as this worker holds them: files of the datastore that stay
 * for as long as they are held. Attempts come by the thousand, so one that finds what it needs asks
 * nobody, only whether the file still is what was verified.
 */
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Held, Way } from '#datastore';
import { cameFrom, type InputWay } from '#model';
import type { WorkerStore } from './lazy-store.ts';

export interface BlobName {
  readonly sha256: string;
  readonly bytes: number;
}

export interface Wanted extends BlobName {
  readonly executable?: boolean;
  /** Asked before the server. */
  readonly origin?: string | null;
}

export type CameBy = Pick<InputWay, 'how' | 'via'>;

interface Kept {
  readonly held: Held;
  readonly identity: Identity;
  /** Where this process got it; `''` when it lay here. */
  readonly via: string;
  /** Attempts that have it in their directories or are about to. */
  users: number;
  /** It was found to have been written to. */
  isSpoilt: boolean;
}

/** A file of the stock in an attempt's hands. */
export interface Taken {
  readonly path: string;
  readonly via: string;
  /** Whether it still is what was verified. */
  isWhole(): boolean;
  /** Once only. */
  give(): void;
}

interface Identity {
  readonly inode: number;
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface StockOptions {
  readonly datastore: WorkerStore;
  /** Absolute; marks of what sessions have brought lie there. */
  readonly marks: string;
  /** Other workers are asked before the server. */
  readonly hasPeers: boolean;
  /** Asked when a blob has been brought. */
  readonly sessionTag: () => string;
}

/** So many that nobody uses stay held; others lie in the datastore, which may forget them. */
const MOST_IDLE = 64;
/** How a blob is called in the datastore, and to the transport that asks the server for it. */
const SCHEME = 'windrow';
/** The same of another worker. */
export const PEER_SCHEME = 'peer';

export class Stock {
  readonly #options: StockOptions;
  /** Those last used last. */
  readonly #kept = new Map<string, Kept>();
  readonly #flights = new Map<string, Promise<CameBy>>();
  readonly #troubles: string[] = [];
  /** Those that the server wants to stay. */
  #wished: ReadonlySet<string> = new Set();

  constructor(options: StockOptions) {
    this.#options = options;
    mkdirSync(options.marks, { recursive: true, mode: 0o700 });
  }

  /**
   * True when the blob is held and is what was verified. The comparison of inode, size and time of
   * change catches a file that an attempt has written to in place.
   */
  isReady(sha256: string): boolean {
    const kept = this.#kept.get(sha256);
    return kept !== undefined && this.#isWhole(sha256, kept);
  }

  /** A blob that is ready; it stays until it is given back. */
  take(sha256: string): Taken {
    const kept = this.#kept.get(sha256);
    if (!kept) throw new Error(`${sha256} is not held`);
    kept.users++;
    this.#kept.delete(sha256); // to the young end
    this.#kept.set(sha256, kept);
    return {
      path: kept.held.path,
      via: kept.via,
      isWhole: () => this.#isWhole(sha256, kept),
      give: () => void kept.users--,
    };
  }

  /**
   * Resolves when the blob is ready, with how it came if it came by this call. Rejects with DATA_… of
   * the datastore, or when `signal` ends the wait of all.
   */
  ensure(wanted: Wanted, signal: AbortSignal): Promise<CameBy> {
    const { sha256 } = wanted;
    const under = this.#flights.get(sha256);
    if (under) return under.then(() => ({ how: 'joined', via: '' }));
    if (this.isReady(sha256)) return Promise.resolve(HIT);
    const flight = this.#obtain(wanted, signal).finally(() => this.#flights.delete(sha256));
    this.#flights.set(sha256, flight);
    return flight;
  }

  /** Whether the blob lies on this machine whole; it is held from then on. */
  async look(sha256: string): Promise<boolean> {
    if (this.isReady(sha256)) return true;
    const held = await this.#options.datastore.hold(contentKey(sha256));
    if (!held) return false;
    this.#keep(sha256, held, '');
    return true;
  }

  /** These stay held once they are, whether an attempt uses them or not. */
  wish(digests: ReadonlySet<string>): void {
    this.#wished = digests;
    this.#trim();
  }

  /** What was found wrong since the last call, a sentence each. */
  troubles(): string[] {
    return this.#troubles.splice(0);
  }

  /** Removes those of `digests` that this session brought here, by this process or an earlier one. */
  async removeBrought(digests: Iterable<string>): Promise<void> {
    for (const sha256 of digests) {
      if (!existsSync(this.#markOf(sha256))) continue;
      const kept = this.#kept.get(sha256);
      if (kept) {
        this.#kept.delete(sha256);
        await kept.held.release();
      }
      await this.#options.datastore.remove(contentKey(sha256)).catch(() => false); // pinned by somebody
      rmSync(this.#markOf(sha256), { force: true });
    }
  }

  async close(): Promise<void> {
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    await Promise.all(kept.map(({ held }) => held.release()));
    await this.#options.datastore.close();
  }

  async #obtain(wanted: Wanted, signal: AbortSignal): Promise<CameBy> {
    const { sha256, bytes, executable = false, origin = null } = wanted;
    const key = contentKey(sha256);
    const held = await this.#options.datastore.ensure({
      key,
      mode: 'immutable',
      digests: { sha256 },
      bytes,
      executable,
      sources: this.#sourcesOf(sha256, origin),
      // The attempt waits for bytes, not for the disk: after a crash of the machine it is gone as well.
      isEarly: true,
      signal,
    });
    const { how } = held.way;
    const isHit = how === 'hit' || how === 'same';
    const from = isHit ? '' : viaOf(held.way);
    this.#keep(sha256, held, from);
    if (isHit) return HIT;
    writeFileSync(this.#markOf(sha256), '');
    return { how: how === 'joined' ? 'joined' : 'fetched', via: from };
  }

  /** The server is the last: it has all that its jobs need. */
  #sourcesOf(sha256: string, origin: string | null): string[] {
    const peers = this.#options.hasPeers ? [`${PEER_SCHEME}:${sha256}`] : [];
    return [...(origin === null ? [] : [origin]), ...peers, contentKey(sha256)];
  }

  #isWhole(sha256: string, kept: Kept): boolean {
    if (kept.isSpoilt) return false;
    const found = identityOf(kept.held.path);
    if (found && sameIdentity(kept.identity, found)) return true;
    this.#drop(sha256, kept);
    return false;
  }

  #keep(sha256: string, held: Held, via: string): void {
    const identity = identityOf(held.path);
    if (!identity) throw new Error(`${held.path} has vanished`);
    // Attempts that still have the one before give that one back.
    void this.#kept.get(sha256)?.held.release();
    this.#kept.set(sha256, { held, identity, via, users: 0, isSpoilt: false });
    this.#trim();
  }

  /** It was written to, through a name that it has elsewhere: the entry is looked at again. */
  #drop(sha256: string, kept: Kept): void {
    const { held } = kept;
    kept.isSpoilt = true;
    if (this.#kept.get(sha256) === kept) this.#kept.delete(sha256);
    this.#troubles.push(
      `the file ${sha256.slice(0, 12)}… of a job was changed on this machine and is fetched again`,
    );
    void held.release();
    const flight = this.#options.datastore
      .verify({ keys: [held.key] })
      .then(() => HIT)
      .finally(() => this.#flights.delete(sha256));
    flight.catch(() => {}); // whoever asks next finds out
    this.#flights.set(sha256, flight);
  }

  #trim(): void {
    const idle = [...this.#kept].filter(
      ([sha256, { users }]) => users === 0 && !this.#wished.has(sha256),
    );
    for (const [sha256, { held }] of idle.slice(0, Math.max(0, idle.length - MOST_IDLE))) {
      this.#kept.delete(sha256);
      void held.release();
    }
  }

  #markOf(sha256: string): string {
    return join(this.#options.marks, `${sha256}.by-${this.#options.sessionTag()}`);
  }
}

const HIT: CameBy = { how: 'hit', via: '' };

/** Of a blob in the datastore. */
export function contentKey(sha256: string): string {
  return `${SCHEME}:${sha256}`;
}

function viaOf({ via, source }: Way): string {
  if (source.startsWith(`${PEER_SCHEME}:`)) return via;
  const isServer = source === '' || source.startsWith(`${SCHEME}:`);
  return cameFrom(isServer ? 'server' : source, via);
}

function identityOf(path: string): Identity | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile()) return undefined;
  return { inode: found.ino, bytes: found.size, modifiedMs: found.mtimeMs };
}

function sameIdentity(a: Identity, b: Identity): boolean {
  return a.inode === b.inode && a.bytes === b.bytes && a.modifiedMs === b.modifiedMs;
}
