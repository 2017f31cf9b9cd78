/**
 * A file on its way: written block by block under a name of its own, with digests that grow with
 * it. From time to time it is flushed, and a state file beside it says how far it is sure to be
 * and under which version of the origin; from there another process may go on.
 */
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock } from '#base';
import { blocksOf, digestFile } from '../disk/digest-file.ts';
import { readSmallFile, removeFile, unlessGone, writeWhole } from '../disk/files.ts';
import type { Draft } from '../disk/shelf.ts';
import { TransferFailure, type Validators } from '../transport.ts';

/** Written at once; what a disk takes well, and little enough for many transfers at a time. */
const WRITE_BYTES = 1 << 20;
/** How much a loss of power may cost, and what is left to flush at the end. */
const FLUSH_BYTES = 64 * WRITE_BYTES;
const FLUSH_MS = 5000;
const MOST_STATE_BYTES = 16 * 1024;

/** Which version of which address the bytes belong to. */
export interface PartVersion {
  readonly url: string;
  readonly validators: Validators;
  readonly totalBytes: number | null;
}

interface PartState extends PartVersion {
  readonly flushedBytes: number;
  /** SHA-256 of those; a disk that lost power may have zeros in their place. */
  readonly sha256: string;
}

export class Part {
  readonly path: string;
  readonly #clock: Clock;
  #handle: FileHandle | null = null;
  #sha256: Hash = createHash('sha256');
  #md5: Hash = createHash('md5');
  #bytes = 0;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  /** Flushing goes on beside writing; null when none does. */
  #noting: Promise<void> | null = null;
  #version: PartVersion | null = null;
  #flushedBytes = 0;
  #flushedAtMs: number;

  constructor(path: string, clock: Clock) {
    this.path = path;
    this.#clock = clock;
    this.#flushedAtMs = clock.monotonic();
  }

  /** Bytes taken so far; written or about to be. */
  get bytes(): number {
    return this.#bytes;
  }

  get version(): PartVersion | null {
    return this.#version;
  }

  /**
   * Goes on with what a process that is gone left at `path`, if its state file tells of bytes that
   * are really there; else begins anew.
   */
  async adopt(path: string): Promise<void> {
    const state = parseState(await readSmallFile(stateOf(path), MOST_STATE_BYTES));
    await removeFile(stateOf(path));
    // Renamed first: of two that find it, one gets it.
    if ((await unlessGone(rename(path, this.path).then(() => true))) !== true) return;
    const found = await stat(this.path);
    if (state === null || state.flushedBytes === 0 || found.size < state.flushedBytes) {
      return removeFile(this.path);
    }
    const handle = await open(this.path, 'r+');
    await handle.truncate(state.flushedBytes);
    this.#handle = handle;
    for await (const block of blocksOf(this.path)) {
      this.#sha256.update(block);
      this.#md5.update(block);
    }
    if (this.#sha256.copy().digest('hex') !== state.sha256) return this.restart();
    this.#bytes = state.flushedBytes;
    this.#flushedBytes = state.flushedBytes;
    const { url, validators, totalBytes } = state;
    this.#version = { url, validators, totalBytes };
  }

  /** Says what comes now; all bytes of a part are of one version. */
  begin(version: PartVersion): void {
    this.#version = version;
  }

  /** Forgets all bytes. */
  async restart(): Promise<void> {
    await this.#settle();
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#bytes = 0;
    this.#flushedBytes = 0;
    this.#version = null;
    this.#sha256 = createHash('sha256');
    this.#md5 = createHash('md5');
    await removeFile(stateOf(this.path));
    await this.#handle?.truncate(0);
  }

  /** Takes bytes; resolves when there is room for more. Rejects with the file system's error. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#sha256.update(bytes);
    this.#md5.update(bytes);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#bytes += bytes.length;
    if (this.#pendingBytes >= WRITE_BYTES) await this.#writePending();
    if (this.#noting === null && this.#isDue()) await this.#noteBeside();
  }

  #isDue(): boolean {
    const isMuch = this.#bytes - this.#flushedBytes >= FLUSH_BYTES;
    return isMuch || this.#clock.monotonic() - this.#flushedAtMs >= FLUSH_MS;
  }

  /** All is here: flushed, and known by its digests. The part is used up. */
  async finish(): Promise<Draft> {
    this.#handle ??= await open(this.path, 'w', 0o600);
    await this.#writePending();
    await this.#writing;
    await this.#noting;
    await this.#handle.sync();
    await this.#close();
    await removeFile(stateOf(this.path));
    const sha256 = this.#sha256.digest('hex');
    return { path: this.path, bytes: this.#bytes, sha256, md5: this.#md5.digest('hex') };
  }

  /** All was written to `path` by another: a plain file, of so many bytes where that is known. */
  async takeOver(totalBytes: number | null): Promise<Draft> {
    // Not through a link, which could name any file of this machine.
    const handle = await open(this.path, constants.O_RDWR | constants.O_NOFOLLOW);
    try {
      const { size } = await handle.stat();
      if (totalBytes !== null && size !== totalBytes) {
        throw new TransferFailure('wrong', `${size} bytes came of ${totalBytes}`);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    return { path: this.path, ...(await digestFile(this.path)) };
  }

  /** Keeps what is here so that it can be gone on with, where that is possible at all. */
  async leave(canResume: boolean): Promise<void> {
    try {
      await this.#noting;
      if (canResume && this.#bytes > 0) {
        await this.#noteBeside();
        await this.#noting;
      }
      await this.#close();
      if (!canResume || this.#bytes === 0) await this.discard();
    } catch {
      await this.discard(); // a full disk, say: then there is nothing to go on with
    }
  }

  async discard(): Promise<void> {
    await this.#close().catch(() => {});
    await removeFile(stateOf(this.path)).catch(() => {});
    await removeFile(this.path).catch(() => {});
  }

  /** While one block is being written the next one comes in. */
  async #writePending(): Promise<void> {
    await this.#writing;
    if (this.#pendingBytes === 0) return;
    const blocks = this.#pending;
    const at = this.#bytes - this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#handle ??= await open(this.path, 'w', 0o600);
    this.#writing = writeAll(this.#handle, blocks, at);
    this.#writing.catch(() => {}); // told of by whoever waits for it next
  }

  /** Once what is here is written, flushes it and writes down how far it is, beside what follows. */
  async #noteBeside(): Promise<void> {
    this.#flushedAtMs = this.#clock.monotonic();
    const { path } = this;
    const version = this.#version;
    await this.#writePending();
    await this.#writing;
    const handle = this.#handle;
    if (version === null || handle === null) return;
    const sha256 = this.#sha256.copy().digest('hex');
    const state: PartState = { ...version, flushedBytes: this.#bytes, sha256 };
    this.#flushedBytes = this.#bytes;
    this.#noting = (async () => {
      await handle.datasync();
      await writeWhole(`${path}.new`, stateOf(path), JSON.stringify(state));
    })();
    // A disk that fails here fails at the next write, or when the file is finished.
    this.#noting
      .catch(() => {})
      .finally(() => {
        this.#noting = null;
      });
  }

  async #settle(): Promise<void> {
    await this.#noting?.catch(() => {});
    await this.#writing.catch(() => {});
    this.#writing = Promise.resolve();
  }

  async #close(): Promise<void> {
    await this.#settle();
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }
}

/** A file system may take less than it was given, just before it is full. */
async function writeAll(handle: FileHandle, blocks: Uint8Array[], at: number): Promise<void> {
  const wanted = blocks.reduce((sum, { length }) => sum + length, 0);
  const { bytesWritten } = await handle.writev(blocks, at);
  if (bytesWritten === wanted) return;
  let rest = Buffer.concat(blocks).subarray(bytesWritten);
  let from = at + bytesWritten;
  while (rest.length > 0) {
    const { bytesWritten: more } = await handle.write(rest, 0, rest.length, from);
    rest = rest.subarray(more);
    from += more;
  }
}

export function stateOf(path: string): string {
  return `${path}.state`;
}

/** Of `parts/HASH.SHARER.part`. */
export function partOwner(path: string): { readonly hash: string; readonly sharer: string } | null {
  const found = /^([0-9a-f]{64})\.(.+)\.part$/.exec(basename(path));
  return found && dirname(path) !== '' ? { hash: found[1]!, sharer: found[2]! } : null;
}

function parseState(text: string | null): PartState | null {
  try {
    const found = JSON.parse(text ?? 'null') as PartState | null;
    const isRight =
      typeof found?.url === 'string' &&
      typeof found.validators === 'object' &&
      Number.isSafeInteger(found.flushedBytes) &&
      typeof found.sha256 === 'string';
    return isRight ? found : null;
  } catch {
    return null;
  }
}
