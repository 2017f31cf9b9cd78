/** One file that is coming in: its bytes on the disk, and their digest as they pass. */
import { type FileHandle, open } from 'node:fs/promises';
import type { Digesting, Digests } from './digests.ts';

/**
 * A write has at least so much, as long as more comes: half of it costs more in handing it to a thread, and four
 * times as much has left the processor's cache by then and costs twice the time of its copying.
 */
const WRITE_BYTES = 2 ** 18;
/** With so much beside what is being written, which is as much at most, the sender waits. */
const WAITING_MOST_BYTES = 2 ** 19;
const SYNC_BYTES = 32 * 2 ** 20;

export class IncomingFile {
  readonly #file: FileHandle;
  /** Null: the digest is made when all is there. */
  readonly #digesting: Digesting | null;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Written, or being written. */
  #bytes: number;
  /** The write that is under way; one that failed stays. */
  #writing: Promise<void> | null = null;
  #syncing: Promise<void> = Promise.resolve();
  #isSyncing = false;
  #syncedBytes = 0;

  private constructor(file: FileHandle, digesting: Digesting | null, bytes: number) {
    this.#file = file;
    this.#digesting = digesting;
    this.#bytes = bytes;
  }

  /** A new file; throws EEXIST where there is one. */
  static async create(path: string, digests: Digests): Promise<IncomingFile> {
    return new IncomingFile(await open(path, 'wx', 0o600), digests.open(path), 0);
  }

  /**
   * Goes on behind the first `bytes` of a file. Reading them again for the digest would keep the
   * sender waiting at each of many tries: it is made once, at the end.
   */
  static async resume(path: string, bytes: number, digests: Digests): Promise<IncomingFile> {
    const file = await open(path, 'r+');
    return new IncomingFile(file, bytes === 0 ? digests.open(path) : null, bytes);
  }

  get bytes(): number {
    return this.#bytes + this.#waitingBytes;
  }

  /**
   * Appends; the piece, and the memory that is its alone, are no longer the caller's. Where writing is
   * behind, resolves when there is room. Rejects with the system's errors, also of earlier pieces.
   */
  add(piece: Buffer): Promise<void> | undefined {
    this.#waiting.push(piece);
    this.#waitingBytes += piece.length;
    if (this.#writing === null && this.#waitingBytes >= WRITE_BYTES) this.#begin();
    return this.#waitingBytes >= WAITING_MOST_BYTES ? this.#writing! : undefined;
  }

  /** Writes everything that waits, and goes on as long as there is enough. */
  #begin(): void {
    const pieces = this.#waiting;
    const at = this.#bytes;
    this.#bytes += this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#writing = this.#write(pieces, at).then(() => {
      this.#writing = null;
      if (this.#waitingBytes >= WRITE_BYTES) this.#begin();
    });
    this.#writing.catch(() => {}); // thrown to whoever waits for it next
  }

  async #flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    this.#begin();
    await this.#writing;
  }

  async #write(pieces: readonly Buffer[], position: number): Promise<void> {
    let at = position;
    for (let left = pieces; left.length > 0; ) {
      const { bytesWritten } = await this.#file.writev(left, at);
      at += bytesWritten;
      left = behind(left, bytesWritten);
    }
    for (const piece of pieces) release(piece);
    this.#digesting?.grown(at - position);
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
      await this.#flush();
      const sha256 = (wish === 'digest' && this.#digesting?.digest()) || null;
      if (sha256 === null) this.#digesting?.drop();
      else sha256.catch(() => {}); // thrown below
      // Systems tell of a failed write once.
      await this.#syncing;
      await this.#file.datasync();
      return await sha256;
    } finally {
      await this.#file.close();
    }
  }

  /** Closes without keeping what is not written yet; never throws, and may be called again. */
  async abandon(): Promise<void> {
    this.#digesting?.drop();
    this.#waiting = [];
    this.#waitingBytes = 0;
    await this.#writing?.catch(() => undefined);
    await this.#syncing.catch(() => undefined);
    await this.#file.close().catch(() => undefined);
  }
}

/**
 * Gives memory that is not shared with others back at once. Left to the garbage collector, it is
 * asked to look through all that lives for every few dozen megabytes: half of the cost of an upload.
 */
function release({ buffer, byteOffset, length }: Buffer): void {
  if (byteOffset === 0 && length === buffer.byteLength) (buffer as ArrayBuffer).transfer(0);
}

function behind(pieces: readonly Buffer[], bytes: number): readonly Buffer[] {
  let left = bytes;
  let first = 0;
  while (first < pieces.length && left >= pieces[first]!.length) left -= pieces[first++]!.length;
  const rest = pieces.slice(first);
  return left > 0 ? [rest[0]!.subarray(left), ...rest.slice(1)] : rest;
}
