import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories, messageOf, systemCodeOf, WindrowError } from '#base';
import { resultsErrors } from './errors.ts';
import { syncDirectoryNow } from './segment-files.ts';

const BUFFER_BYTES = 2 ** 20;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** A system error while writing an output file, as the error that users see. */
export function outputError(file: string, cause: unknown): WindrowError {
  if (cause instanceof WindrowError) return cause;
  const code = systemCodeOf(cause);
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? resultsErrors.create('COLLECT_DISK_FULL', { file }, { cause })
    : resultsErrors.create('COLLECT_WRITE_FAILED', { file, reason: messageOf(cause) }, { cause });
}

/** A file that appears under its name only when it is complete. */
export class PartialFile {
  /** Its final path. */
  readonly path: string;
  readonly partialPath: string;
  readonly #file: FileHandle;
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #used = 0;
  #bytes = 0;

  private constructor(path: string, partialPath: string, file: FileHandle) {
    this.path = path;
    this.partialPath = partialPath;
    this.#file = file;
  }

  static async create(directory: string, name: string, random: string): Promise<PartialFile> {
    const path = join(directory, name);
    const partialPath = join(directory, `.${name}.partial-${random}`);
    try {
      return new PartialFile(path, partialPath, await open(partialPath, CREATE, 0o666));
    } catch (error) {
      throw outputError(path, error);
    }
  }

  get bytes(): number {
    return this.#bytes + this.#used;
  }

  /** Appends; the promise, where there is one, must be awaited before the next call. */
  add(content: Buffer | string): Promise<void> | undefined {
    const bytes = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
    if (this.#used + bytes > BUFFER_BYTES) return this.#addLarge(content);
    if (typeof content === 'string') this.#buffer.write(content, this.#used);
    else content.copy(this.#buffer, this.#used);
    this.#used += bytes;
    return undefined;
  }

  async #addLarge(content: Buffer | string): Promise<void> {
    await this.flush();
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    if (bytes.length < BUFFER_BYTES) {
      bytes.copy(this.#buffer);
      this.#used = bytes.length;
      return;
    }
    await this.#write(bytes);
  }

  /** Hands what is buffered to the operating system. */
  async flush(): Promise<void> {
    const used = this.#used;
    this.#used = 0;
    await this.#write(this.#buffer.subarray(0, used));
  }

  async #write(bytes: Buffer): Promise<void> {
    try {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await this.#file.write(
          bytes,
          done,
          bytes.length - done,
          this.#bytes,
        );
        done += bytesWritten;
        this.#bytes += bytesWritten;
      }
    } catch (error) {
      throw outputError(this.path, error);
    }
  }

  /** Everything is on the disk, still under the partial name. */
  async complete(): Promise<void> {
    await this.flush();
    try {
      await this.#file.sync();
      await this.#file.close();
    } catch (error) {
      throw outputError(this.path, error);
    }
  }

  /** Takes the final name, replacing what bore it. Only after `complete`. */
  async publish(): Promise<void> {
    try {
      await rename(this.partialPath, this.path);
    } catch (error) {
      throw outputError(this.path, error);
    }
  }

  /** Closes and removes the partial file; never fails. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(this.partialPath, { force: true }).catch(() => undefined);
  }
}

/**
 * The output files of one collection: all of them appear, or none. A library may write a file by
 * itself under its `partialPath`.
 */
export class OutputFiles {
  readonly directory: string;
  readonly #random: string;
  readonly #files: PartialFile[] = [];

  constructor(directory: string, random: string) {
    this.directory = directory;
    this.#random = random;
  }

  async create(name: string): Promise<PartialFile> {
    const file = await PartialFile.create(this.directory, name, this.#random);
    this.#files.push(file);
    return file;
  }

  /** A file that is only worked with; its maker discards it. */
  async createAside(name: string): Promise<PartialFile> {
    return await PartialFile.create(this.directory, name, this.#random);
  }

  /** Returns the paths that were published. */
  async publish(): Promise<string[]> {
    for (const file of this.#files) await file.complete();
    for (const file of this.#files) await file.publish();
    if (this.#files.length > 0) syncDirectoryNow(this.directory);
    return this.#files.splice(0).map(({ path }) => path);
  }

  async discard(): Promise<void> {
    await Promise.all(this.#files.splice(0).map((file) => file.discard()));
  }
}

/** Makes the output directory. Error: `COLLECT_WRITE_FAILED`. */
export async function makeOutputDirectory(directory: string): Promise<void> {
  try {
    makeDirectories(directory);
  } catch (error) {
    throw outputError(directory, error);
  }
}

/**
 * Removes partial files that a killed server left. Only while nothing is collected into the
 * directory. Returns how many there were.
 */
export async function removeStalePartials(directory: string): Promise<number> {
  let removed = 0;
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    if (!/^\..+\.partial-[\w-]+$/.test(name)) continue;
    await rm(join(directory, name), { force: true, recursive: true });
    removed++;
  }
  return removed;
}
