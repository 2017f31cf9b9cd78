/** One file that is coming in: its bytes on the disk, and their digest as they pass. */
import { constants, writev } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { FedDigest } from '#base';
import { BLOCK_BYTES, type Block } from './blocks.ts';
import type { Digests } from './digests.ts';

/**
 * With so many blocks being written or digested, beside the one that fills, the sender waits; with one,
 * where others have all of them. On two busy cores a write waits for its turn: the more goes with one the better
 * (with half as many, uploads took a fifth longer while others used the disk).
 */
const IN_HAND_MOST = 15;
const SYNC_BYTES = 32 * 2 ** 20;

/** A block that fills, up to where the file has whole blocks. */
interface Filling {
  readonly block: Block;
  readonly mostBytes: number;
  bytes: number;
}

/** What is written at once: all that gathers while something else is being written. */
interface Batch {
  readonly contents: Buffer[];
  /** How many of the first ones are whole blocks, as the disk takes them. */
  wholeBlocks: number;
  readonly written: Promise<void>;
}

export class IncomingFile {
  readonly #file: FileHandle;
  readonly #digests: Digests;
  /** Null: the digest is made when all is there. */
  readonly #digesting: FedDigest | null;
  readonly #disk: DirectDisk;
  #filling: Filling | null = null;
  #inHand = 0;
  /** Written, or being written. */
  #bytes: number;
  /** Waits for its turn. */
  #batch: Batch | null = null;
  /** One batch after the other: a file that is cut off by a kill has no holes. One that failed stays. */
  #writing: Promise<void> = Promise.resolve();
  #hasFailed = false;
  /** Who waits for room. */
  #room: PromiseWithResolvers<void> | null = null;
  #syncing: Promise<void> = Promise.resolve();
  #isSyncing = false;
  #syncedBytes = 0;

  private constructor(file: FileHandle, digests: Digests, bytes: number) {
    this.#file = file;
    this.#disk = new DirectDisk(file);
    this.#digests = digests;
    this.#digesting = bytes === 0 ? digests.feed() : null;
    this.#bytes = bytes;
    this.#syncedBytes = bytes;
  }

  /** A new file; throws EEXIST where there is one. */
  static async create(path: string, digests: Digests): Promise<IncomingFile> {
    return new IncomingFile(await open(path, 'wx', 0o600), digests, 0);
  }

  /**
   * Goes on behind the first `bytes` of a file. Reading them again for the digest would keep the
   * sender waiting at each of many tries: it is made once, at the end.
   */
  static async resume(path: string, bytes: number, digests: Digests): Promise<IncomingFile> {
    return new IncomingFile(await open(path, 'r+'), digests, bytes);
  }

  get bytes(): number {
    return this.#bytes + (this.#filling?.bytes ?? 0);
  }

  /**
   * Appends; the piece, and the memory that is its alone, are no longer the caller's. Where writing is
   * behind, resolves when there is room. Rejects with the system's errors, also of earlier pieces.
   */
  add(piece: Buffer): Promise<void> | undefined {
    for (let at = 0; at < piece.length; ) at += this.#fill(piece, at);
    release(piece);
    if (this.#hasFailed) return this.#writing;
    const most = this.#digests.blocks.isScarce ? 1 : IN_HAND_MOST;
    if (this.#inHand < most) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise.then(() => (this.#hasFailed ? this.#writing : undefined));
  }

  /** Where the next bytes will lie: what is there already when it is added is not copied. */
  room(): Buffer {
    const { block, mostBytes, bytes } = this.#fillable();
    return block.bytes.subarray(bytes, mostBytes);
  }

  #fillable(): Filling {
    this.#filling ??= {
      block: this.#digests.blocks.take(),
      mostBytes: BLOCK_BYTES - (this.#bytes % BLOCK_BYTES),
      bytes: 0,
    };
    return this.#filling;
  }

  #fill(piece: Buffer, from: number): number {
    const filling = this.#fillable();
    const room = this.room();
    const taken = Math.min(piece.length - from, room.length);
    const isThere = piece.buffer === room.buffer && piece.byteOffset + from === room.byteOffset;
    if (!isThere) piece.copy(room, 0, from, from + taken);
    filling.bytes += taken;
    if (taken === room.length) this.#send(filling);
    return taken;
  }

  /** To the file and to the digest; the block is free when both have it. */
  #send({ block, bytes }: Filling): void {
    const content = block.bytes.subarray(0, bytes);
    this.#batch ??= this.#newBatch(this.#bytes);
    const batch = this.#batch;
    const isWhole = block.isAligned && bytes === BLOCK_BYTES;
    if (isWhole && batch.wholeBlocks === batch.contents.length) batch.wholeBlocks++;
    batch.contents.push(content);
    this.#bytes += bytes;
    this.#filling = null;
    this.#inHand++;
    const digested = this.#digesting?.add(content);
    Promise.allSettled([batch.written, digested]).then(() => this.#isDone(block));
  }

  #newBatch(position: number): Batch {
    const written = this.#writing.then(() => {
      this.#batch = null;
      return this.#write(batch, position);
    });
    const batch: Batch = { contents: [], wholeBlocks: 0, written };
    this.#writing = written;
    // Thrown to whoever waits for it next; what happens to the digest is told with it.
    written.catch(() => {
      this.#hasFailed = true;
    });
    return batch;
  }

  #isDone(block: Block): void {
    this.#digests.blocks.give(block);
    this.#inHand--;
    this.#room?.resolve();
    this.#room = null;
  }

  async #write({ contents, wholeBlocks }: Batch, position: number): Promise<void> {
    let at = position + (await this.#disk.write(contents.slice(0, wholeBlocks), position));
    for (let left = behind(contents, at - position); left.length > 0; ) {
      this.#disk.noteCached();
      const bytes = await writeAt(this.#file, left, at);
      at += bytes;
      left = behind(left, bytes);
    }
    this.#beginSync(at);
  }

  /** Nobody waits for it: the disk works while more comes, and there is less to wait for at the end. */
  #beginSync(at: number): void {
    if (this.#isSyncing || at - this.#syncedBytes < SYNC_BYTES) return;
    this.#isSyncing = true;
    this.#syncedBytes = at;
    this.#syncing = this.#file.datasync().finally(() => {
      this.#isSyncing = false;
    });
    this.#syncing.catch(() => {}); // thrown at the end
  }

  /** Everything that came is on the disk. Returns the digest where it is asked for and known. */
  async close(wish: 'digest' | 'no digest'): Promise<string | null> {
    try {
      if (this.#filling && this.#filling.bytes > 0) this.#send(this.#filling);
      const sha256 = (wish === 'digest' && this.#digesting?.digest()) || null;
      if (sha256 === null) this.#digesting?.drop();
      else sha256.catch(() => {}); // thrown below
      await this.#writing;
      // Systems tell of a failed write once.
      await this.#syncing;
      await this.#file.datasync();
      return await sha256;
    } finally {
      await this.abandon();
    }
  }

  /** Closes without keeping what is not written yet; never throws, and may be called again. */
  async abandon(): Promise<void> {
    this.#digesting?.drop();
    if (this.#filling) this.#digests.blocks.give(this.#filling.block);
    this.#filling = null;
    await this.#writing.catch(() => undefined);
    await this.#syncing.catch(() => undefined);
    await this.#disk.close();
    await this.#file.close().catch(() => undefined);
  }
}

/**
 * Writes past the system's copy: large files that are not read soon would push out what is, copying them costs
 * as much as receiving them, and most of the waiting at the end is for what the disk could have had before.
 */
class DirectDisk {
  readonly #file: FileHandle;
  #direct: Promise<FileHandle> | null = null;
  #isOff = constants.O_DIRECT === undefined;
  /** Something went the ordinary way, and may be in the system's copy alone. */
  #isCached = false;
  #syncs = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * Whole blocks, aligned in memory and in the file. Returns how much was written; what was not is for
   * the ordinary way, whose errors count: not every file system has this one. Rejects where what went
   * that way before cannot be flushed.
   */
  async write(blocks: readonly Buffer[], position: number): Promise<number> {
    if (this.#isOff || blocks.length === 0) return 0;
    if (this.#isCached) await this.#flush();
    if (this.#isOff) return 0;
    try {
      // The very same file, wherever its name has gone.
      const path = `/proc/self/fd/${this.#file.fd}`;
      this.#direct ??= open(path, constants.O_WRONLY | constants.O_DIRECT);
      return await writeAt(await this.#direct, blocks, position);
    } catch {
      this.#isOff = true;
      return 0;
    }
  }

  /** To be called before anything is written the ordinary way. */
  noteCached(): void {
    this.#isCached = true;
  }

  /**
   * What is written past the copy makes the file longer on the disk: after a loss of power it would be
   * longer than what is in it, and a sender would go on behind zeros. The first piece of a file that is
   * gone on with ends where whole blocks begin, and is worth the waiting; if it comes to that again, the
   * rest goes the ordinary way.
   */
  async #flush(): Promise<void> {
    this.#isOff = ++this.#syncs > 1;
    if (this.#isOff) return;
    await this.#file.datasync();
    this.#isCached = false;
  }

  async close(): Promise<void> {
    await this.#direct?.then((direct) => direct.close()).catch(() => undefined);
  }
}

/** Returns how much was written. A handle's own method takes longer than handing over a small file. */
function writeAt({ fd }: FileHandle, pieces: readonly Buffer[], position: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  writev(fd, pieces, position, (error, written) => (error ? reject(error) : resolve(written)));
  return promise;
}

function behind(pieces: readonly Buffer[], bytes: number): readonly Buffer[] {
  let left = bytes;
  let first = 0;
  while (first < pieces.length && left >= pieces[first]!.length) left -= pieces[first++]!.length;
  const rest = pieces.slice(first);
  return left > 0 ? [rest[0]!.subarray(left), ...rest.slice(1)] : rest;
}

/**
 * Gives memory that is not shared with others back at once. Left to the garbage collector, it is
 * asked to look through all that lives for every few dozen megabytes: half of the cost of an upload.
 */
function release({ buffer, byteOffset, length }: Buffer): void {
  const isWhole = byteOffset === 0 && length === buffer.byteLength;
  if (isWhole && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
