/**
 * Programs and input files of jobs, kept by digest in `<dir>/blobs`. A blob is fetched once: by one
 * flight in this process, and under a `.lock` beside it among processes that share the directory.
 * It arrives under a name of its own, verified, and is renamed, so no reader ever sees half of it.
 * An empty file beside it, `.by-TAG`, says which session brought it.
 */
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#base';
import { digestFile } from '#wire';
import { lockFetch } from './fetch-lock.ts';
import type { ServerLink } from './port.ts';

export interface BlobName {
  readonly sha256: string;
  readonly bytes: number;
}

type Fetch = Pick<ServerLink, 'fetchBlob'>;

interface Identity {
  readonly inode: number;
  readonly bytes: number;
  readonly modifiedMs: number;
}

export class BlobCache {
  readonly #directory: string;
  readonly #clock: Clock;
  /** What each blob looked like when it was verified by this process. */
  readonly #verified = new Map<string, Identity>();
  readonly #flights = new Map<string, Promise<void>>();
  readonly #sessionTag: () => string;

  /** `sessionTag` is asked when a blob has been brought. */
  constructor(directory: string, clock: Clock, sessionTag: () => string) {
    this.#directory = directory;
    this.#clock = clock;
    this.#sessionTag = sessionTag;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Where a blob lies once `ensure` has resolved. */
  pathOf(sha256: string): string {
    return join(this.#directory, sha256);
  }

  /**
   * True when the blob lies ready and is what this process verified. The comparison of inode, size
   * and time of change catches a program that was overwritten in place by one of its attempts.
   */
  isReady(sha256: string): boolean {
    const known = this.#verified.get(sha256);
    const found = known && identityOf(this.pathOf(sha256));
    return !!found && sameIdentity(known, found);
  }

  /** Resolves when the blob is ready. Rejects with the fetch's or the file system's error. */
  ensure(blob: BlobName, link: Fetch, signal: AbortSignal): Promise<void> {
    return this.#flights.get(blob.sha256) ?? this.#start(blob, link, signal);
  }

  /** Removes those of `digests` that this session brought here, by this process or an earlier one. */
  removeBrought(digests: Iterable<string>): void {
    for (const sha256 of digests) {
      if (!existsSync(this.#markOf(sha256))) continue;
      rmSync(this.pathOf(sha256), { force: true });
      rmSync(this.#markOf(sha256), { force: true });
    }
  }

  #markOf(sha256: string): string {
    return `${this.pathOf(sha256)}.by-${this.#sessionTag()}`;
  }

  #start(blob: BlobName, link: Fetch, signal: AbortSignal): Promise<void> {
    const { sha256 } = blob;
    const flight = this.#obtain(blob, link, signal).finally(() => this.#flights.delete(sha256));
    this.#flights.set(sha256, flight);
    return flight;
  }

  async #obtain(blob: BlobName, link: Fetch, signal: AbortSignal): Promise<void> {
    const { sha256 } = blob;
    if (this.isReady(sha256) || (await this.#adoptExisting(sha256))) return;
    const release = await lockFetch(this.pathOf(sha256), this.#clock, signal);
    try {
      if (await this.#adoptExisting(sha256)) return;
      await this.#fetch(blob, link, signal);
    } finally {
      release();
    }
  }

  /** Verifies a file that lies there already; a wrong one is removed. */
  async #adoptExisting(sha256: string): Promise<boolean> {
    const path = this.pathOf(sha256);
    const before = identityOf(path);
    if (!before) return false;
    const { sha256: found } = await digestFile(path);
    const after = identityOf(path);
    if (after && sameIdentity(before, after) && found === sha256) {
      this.#verified.set(sha256, after);
      return true;
    }
    rmSync(path, { force: true });
    return false;
  }

  async #fetch(blob: BlobName, link: Fetch, signal: AbortSignal): Promise<void> {
    const { sha256, bytes } = blob;
    const path = this.pathOf(sha256);
    await link.fetchBlob(path, { sha256, maxBytes: bytes, mode: 0o555, signal });
    writeFileSync(this.#markOf(sha256), '');
    const identity = identityOf(path);
    if (identity) this.#verified.set(sha256, identity);
  }
}

function identityOf(path: string): Identity | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile()) return undefined;
  return { inode: found.ino, bytes: found.size, modifiedMs: found.mtimeMs };
}

function sameIdentity(a: Identity | undefined, b: Identity): boolean {
  return a?.inode === b.inode && a.bytes === b.bytes && a.modifiedMs === b.modifiedMs;
}
