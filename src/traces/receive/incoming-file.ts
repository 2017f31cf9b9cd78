/** One file that is coming in: its bytes on the disk, and their digest as they pass. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const GATHER_BYTES = 2 ** 20;

export class IncomingFile {
  readonly #file: FileHandle;
  readonly #hash: Hash;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #bytes: number;

  private constructor(file: FileHandle, hash: Hash, bytes: number) {
    this.#file = file;
    this.#hash = hash;
    this.#bytes = bytes;
  }

  /** A new file; throws EEXIST where there is one. */
  static async create(path: string): Promise<IncomingFile> {
    return new IncomingFile(await open(path, 'wx', 0o600), createHash('sha256'), 0);
  }

  /**
   * Goes on behind the first `bytes` of a file. `hash` is that of those bytes; without it they are
   * read again.
   */
  static async resume(path: string, bytes: number, hash?: Hash): Promise<IncomingFile> {
    const known = hash ?? (await hashOf(path, bytes));
    const file = await open(path, 'r+');
    return new IncomingFile(file, known, bytes);
  }

  get bytes(): number {
    return this.#bytes + this.#gatheredBytes;
  }

  /** Appends. Throws the system's errors. */
  async add(piece: Buffer): Promise<void> {
    this.#gathered.push(piece);
    this.#gatheredBytes += piece.length;
    if (this.#gatheredBytes >= GATHER_BYTES) await this.#flush();
  }

  async #flush(): Promise<void> {
    const pieces = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    for (const piece of pieces) this.#hash.update(piece);
    while (pieces.length > 0) {
      const { bytesWritten } = await this.#file.writev(pieces, this.#bytes);
      this.#bytes += bytesWritten;
      dropFront(pieces, bytesWritten);
    }
  }

  /** Everything that came is on the disk. Returns its hash so far, which can be gone on with. */
  async close(): Promise<Hash> {
    try {
      await this.#flush();
      await this.#file.datasync();
    } finally {
      await this.#file.close();
    }
    return this.#hash;
  }

  /** Closes without keeping what is not written yet; never throws. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }
}

function dropFront(pieces: Buffer[], bytes: number): void {
  let left = bytes;
  while (pieces[0] && left >= pieces[0].length) left -= pieces.shift()!.length;
  if (left > 0 && pieces[0]) pieces[0] = pieces[0].subarray(left);
}

async function hashOf(path: string, bytes: number): Promise<Hash> {
  const hash = createHash('sha256');
  if (bytes === 0) return hash;
  for await (const piece of createReadStream(path, { end: bytes - 1, highWaterMark: GATHER_BYTES }))
    hash.update(piece);
  return hash;
}
