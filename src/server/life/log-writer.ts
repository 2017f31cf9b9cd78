/** Appends events to a log of which a part may be written already. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectories, systemCodeOf } from '#base';

const CHUNK_CHARACTERS = 1 << 18;

/** Goes over what is there of the events already, and appends the rest. */
export class LogWriter {
  readonly #file: FileHandle;
  /** End of what is ours. */
  #at: number;
  /** Bytes behind it that may be ours. */
  #behind: number;
  #size: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #hasWritten = false;

  private constructor(file: FileHandle, at: number, size: number) {
    this.#file = file;
    // A file that was cut, or moved away, goes on at its end.
    this.#at = Math.min(at, size);
    this.#behind = size - this.#at;
    this.#size = size;
  }

  /** @param bytes end of what is known to be ours; null: nothing is */
  static async open(path: string, bytes: number | null): Promise<LogWriter> {
    const file = await openLog(path);
    try {
      const { size } = await file.stat();
      return new LogWriter(file, bytes ?? size, size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async put(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    if (this.#behind > 0 && (await this.#isThere(bytes))) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= CHUNK_CHARACTERS) await this.#flush();
  }

  /** Whether it was written before the server was killed; half of it is cut off. */
  async #isThere(bytes: Buffer): Promise<boolean> {
    const length = Math.min(bytes.length, this.#behind);
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(length), 0, length, this.#at);
    if (buffer.subarray(0, bytesRead).equals(bytes)) {
      this.#at += bytes.length;
      this.#behind -= bytes.length;
      return true;
    }
    if (
      this.#behind < bytes.length &&
      bytes.subarray(0, bytesRead).equals(buffer.subarray(0, bytesRead))
    ) {
      await this.#file.truncate(this.#at);
      this.#size = this.#at;
    } else this.#at = this.#size; // somebody else's
    this.#behind = 0;
    return false;
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#at);
      done += bytesWritten;
      this.#at += bytesWritten;
    }
    this.#hasWritten = true;
  }

  /** Resolves, when all is on the disk, with where it ends. */
  async finish(): Promise<number> {
    if (this.#behind > 0) this.#at = this.#size;
    if (this.#pendingBytes > 0) await this.#flush();
    if (this.#hasWritten) await this.#file.datasync();
    return this.#at;
  }
}

/** The log, made with its folder where it is not there. */
async function openLog(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT;
  try {
    return await open(path, flags, 0o644);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
    makeDirectories(dirname(path));
    return await open(path, flags, 0o644);
  }
}
