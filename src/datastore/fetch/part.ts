/**
 * A file on its way: written block by block under a name of its own, while its digests are made beside
 * it. A state file tells of which version of the origin it is; from time to time it is flushed, and
 * the state says how far. From there another process may go on.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, type FileHandle, open, rename, stat } from 'node:fs/promises';
import type { Clock } from '#base';
import { linkOrCopy, removeFile, unlessGone } from '../disk/files.ts';
import type { FileDigests, Following, Hasher } from '../disk/hasher.ts';
import type { Draft } from '../disk/shelf.ts';
import { TransferFailure } from '../transport.ts';
import { discardPart } from './left-parts.ts';
import {
  type Flushed,
  isOfThisBoot,
  NOTHING_FLUSHED,
  type PartState,
  type PartVersion,
  readState,
  stateOf,
  writeState,
} from './part-state.ts';

/**
 * Written at once; what a disk takes well, and little enough for many transfers at a time. Shorter
 * files are digested where they are, which takes less than telling a thread of them.
 */
const WRITE_BYTES = 1 << 20;
/** How much a loss of power may cost. Flushing takes its part of the disk and of the processors. */
const FLUSH_BYTES = 1024 * WRITE_BYTES;
const FLUSH_MS = 5000;

export interface PartTools {
  readonly clock: Clock;
  readonly hasher: Hasher;
  /** Whoever writes blocks looks at them no more: their memory goes as soon as they are on the disk. */
  readonly ownsBlocks: boolean;
  /** The MD5 is asked for, whatever the origin says. */
  readonly wantsMd5: boolean;
}

export class Part {
  readonly path: string;
  readonly #tools: PartTools;
  #handle: FileHandle | null = null;
  /** Null while all bytes are pending. */
  #following: Following | null = null;
  #bytes = 0;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #writing: Promise<unknown> = Promise.resolve();
  /** Flushing goes on beside writing; null when none does. */
  #noting: Promise<void> | null = null;
  /** What the disk said when it was flushed; it says so once. */
  #fault: unknown = null;
  #version: PartVersion | null = null;
  /** Another transfer may go on with it. */
  #canBeLeft = false;
  #hasState = false;
  #flushed: Flushed = NOTHING_FLUSHED;
  #flushedAtMs: number;

  constructor(path: string, tools: PartTools) {
    this.path = path;
    this.#tools = tools;
    this.#flushedAtMs = tools.clock.monotonic();
  }

  /** Bytes taken so far; written or about to be. */
  get bytes(): number {
    return this.#bytes;
  }

  get version(): PartVersion | null {
    return this.#version;
  }

  /**
   * Goes on with what was left at `path`, if its state tells of bytes that are really there; else
   * begins anew.
   */
  async adopt(path: string): Promise<void> {
    const state = await readState(path);
    if (state === null) return discardPart(path);
    if (path !== this.path && !(await takeNames(path, this.path))) return;
    try {
      await makeOwn(this.path);
      this.#handle = await open(this.path, 'r+');
      this.#version = state.version;
      const bytes = await this.#sureBytes(state, this.#handle);
      if (bytes === 0) return await this.restart();
      await this.#handle.truncate(bytes);
      this.#bytes = bytes;
      this.#flushed = { bytes: state.bytes, sha256: state.sha256 };
      this.#canBeLeft = true;
      this.#hasState = true;
    } catch {
      await this.restart(); // a disk that cannot be read there
    }
  }

  /** How many of the bytes of a left part are those that came. 0: none, or too few to matter. */
  async #sureBytes(state: PartState, handle: FileHandle): Promise<number> {
    const isWritten = isOfThisBoot(state);
    // What the disk would not take from the one who is gone is told of now.
    if (isWritten) await handle.sync();
    const { size } = await handle.stat();
    const { totalBytes } = state.version;
    if (size < state.bytes || size > (totalBytes ?? size)) return 0;
    this.#following = this.#follow();
    if (state.bytes > 0 && (await this.#following.sha256Of(state.bytes)) !== state.sha256) return 0;
    const bytes = isWritten ? size : state.bytes;
    if (bytes !== totalBytes) {
      await this.#following.written(bytes);
      return bytes;
    }
    // Asked for what is behind the end an origin refuses: the last byte is asked for again.
    this.#following.drop();
    this.#following = this.#follow();
    return bytes - 1;
  }

  #follow(): Following {
    const isSaid = this.#version?.digests.md5 !== undefined;
    return this.#tools.hasher.follow(this.path, this.#tools.wantsMd5 || isSaid);
  }

  /** Says what comes now; all bytes of a part are of one version. */
  begin(version: PartVersion, canBeLeft: boolean): void {
    this.#version = version;
    this.#canBeLeft = canBeLeft;
  }

  /** Forgets all bytes. */
  async restart(): Promise<void> {
    await this.#settle();
    this.#following?.drop();
    this.#following = null;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#bytes = 0;
    this.#flushed = NOTHING_FLUSHED;
    this.#version = null;
    this.#canBeLeft = false;
    this.#hasState = false;
    this.#fault = null;
    await removeFile(stateOf(this.path));
    if (this.#handle !== null) return await this.#handle.truncate(0);
    await removeFile(this.path); // it may be sealed, or not this part's alone
  }

  /** Takes bytes; resolves when there is room for more. Rejects with the file system's error. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#bytes += bytes.length;
    if (this.#pendingBytes > WRITE_BYTES) await this.#writeAndFollow();
    if (this.#canBeLeft && this.#noting === null && this.#isDue()) await this.#noteBeside();
  }

  #isDue(): boolean {
    const isMuch = this.#bytes - this.#flushed.bytes >= FLUSH_BYTES;
    return isMuch || this.#tools.clock.monotonic() - this.#flushedAtMs >= FLUSH_MS;
  }

  /**
   * All is here, and known by its digests. It is not flushed yet, and its state stays beside it: whoever
   * stores the draft sees to both.
   */
  async finish(): Promise<Draft> {
    const { sha256, md5 } = await this.#digests();
    await this.#noting;
    if (this.#fault !== null) throw this.#fault;
    this.#following = null;
    await this.#close();
    return { path: this.path, bytes: this.#bytes, sha256, md5 };
  }

  /** Of all bytes, the last ones of which are written meanwhile. */
  async #digests(): Promise<FileDigests> {
    if (this.#following === null) {
      // At once: when the blocks are written their memory goes.
      const digests = digestsOf(await this.#writePending('last'));
      await this.#opened(); // a file of no bytes is one too
      await this.#writing;
      return digests;
    }
    await this.#writeAndFollow('last');
    await this.#writing;
    return this.#following.digests(this.#bytes);
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
      const following = this.#follow();
      const [digests] = await Promise.all([following.digests(size), handle.sync()]);
      return { path: this.path, bytes: size, ...digests };
    } finally {
      await handle.close();
    }
  }

  /** Keeps what is here so that it can be gone on with, where that is possible at all. */
  async leave(): Promise<void> {
    const isWorth = this.#canBeLeft && this.#bytes > 0;
    try {
      await this.#noting;
      if (isWorth) {
        await this.#noteBeside();
        await this.#noting;
      }
      await this.#close();
      if (!isWorth) await this.discard();
    } catch {
      await this.discard(); // a full disk, say: then there is nothing to go on with
    }
  }

  async discard(): Promise<void> {
    await this.#close().catch(() => {});
    await discardPart(this.path).catch(() => {});
  }

  async #writeAndFollow(which: 'next' | 'last' = 'next'): Promise<void> {
    await this.#writePending(which);
    this.#following ??= this.#follow();
    const bytes = this.#bytes;
    this.#writing = this.#writing.then(() => this.#following?.written(bytes));
    this.#writing.catch(() => {}); // told of by whoever waits for it next
  }

  /** While one block is being written the next one comes in. */
  async #writePending(which: 'next' | 'last' = 'next'): Promise<readonly Uint8Array[]> {
    await this.#writing;
    if (this.#pendingBytes === 0) return [];
    const blocks = this.#pending;
    const at = this.#bytes - this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    const handle = await this.#opened();
    // Of a file that is whole at once nothing is left to go on with.
    if (this.#canBeLeft && !this.#hasState && which === 'next') {
      await writeState(this.path, this.#version!, NOTHING_FLUSHED, false);
      this.#hasState = true;
    }
    this.#writing = writeAll(handle, blocks, at).then(() => {
      if (this.#tools.ownsBlocks) letGo(blocks);
    });
    this.#writing.catch(() => {}); // told of by whoever waits for it next
    return blocks;
  }

  /** Once what is here is written, flushes it and writes down how far it is, beside what follows. */
  async #noteBeside(): Promise<void> {
    this.#flushedAtMs = this.#tools.clock.monotonic();
    const version = this.#version;
    await this.#writeAndFollow();
    await this.#writing;
    const handle = this.#handle;
    if (version === null || handle === null || !this.#canBeLeft) return;
    this.#noting = this.#note(handle, this.#following!, version)
      // What else fails here fails at the next write, or when the file is stored.
      .catch(() => {})
      .finally(() => {
        this.#noting = null;
      });
  }

  async #note(handle: FileHandle, following: Following, version: PartVersion): Promise<void> {
    const bytes = this.#bytes;
    const flushed = handle.datasync().catch((error) => {
      this.#fault = error;
      throw error;
    });
    const [sha256] = await Promise.all([following.sha256Of(bytes), flushed]);
    this.#flushed = { bytes, sha256 };
    await writeState(this.path, version, this.#flushed, true);
  }

  async #opened(): Promise<FileHandle> {
    this.#handle ??= await open(this.path, 'w', 0o600);
    return this.#handle;
  }

  async #settle(): Promise<void> {
    await this.#noting;
    await this.#writing.catch(() => {});
    this.#writing = Promise.resolve();
  }

  async #close(): Promise<void> {
    await this.#settle();
    this.#following?.drop();
    this.#following = null;
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }
}

/**
 * Gives a part and its state new names, so that at every instant one name has both. False: another
 * one took it first.
 */
async function takeNames(from: string, to: string): Promise<boolean> {
  await removeFile(stateOf(to));
  await unlessGone(linkOrCopy(stateOf(from), stateOf(to)));
  if ((await unlessGone(rename(from, to).then(() => true))) === true) {
    await removeFile(stateOf(from));
    return true;
  }
  await removeFile(stateOf(to));
  return false;
}

/**
 * A process that was killed while it stored a part has sealed it already and given it to attempts, which may
 * run yet: what they have stays as it is.
 */
async function makeOwn(path: string): Promise<void> {
  if ((await stat(path)).nlink > 1) {
    const aside = `${path}.own`;
    await copyFile(path, aside, constants.COPYFILE_FICLONE);
    await rename(aside, path);
  }
  await chmod(path, 0o600);
}

function digestsOf(blocks: readonly Uint8Array[]): FileDigests {
  const [sha256, md5] = [createHash('sha256'), createHash('md5')];
  for (const block of blocks) {
    sha256.update(block);
    md5.update(block);
  }
  return { sha256: sha256.digest('hex'), md5: md5.digest('hex') };
}

/**
 * Gives memory back at once. Left to the garbage collector, what a fast origin sends makes it run
 * every 30 MiB, for a quarter of all CPU time of the transfer. Only what nobody else can have a piece of:
 * a block that is all of its memory, or more than half of it, as what a socket has read is (a piece of
 * Node's pool is at most half), and is followed by one of other memory: pieces come in their order.
 */
function letGo(blocks: readonly Uint8Array[]): void {
  const last = blocks.at(-1)?.buffer;
  for (const { buffer, byteOffset, byteLength } of blocks) {
    const isAll = byteLength === buffer.byteLength;
    const isMost = byteOffset === 0 && byteLength > buffer.byteLength / 2 && buffer !== last;
    if (!(isAll || isMost) || !(buffer instanceof ArrayBuffer) || buffer.detached) continue;
    buffer.transfer(0);
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
