/** Programs, inputs and user code, kept under the SHA-256 of their bytes. */
import {
  createReadStream,
  linkSync,
  mkdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open, readFile, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { syncDirectory, systemCodeOf } from '#base';
import { blobOf, type JobSpec } from '#model';
import { serverErrors } from '../errors.ts';
import type { Layout } from '../layout.ts';
import { diskFull, partialName, receiveFile, storageError } from './streams.ts';

export const BLOB_BYTES = 16 * 2 ** 30;
const TEMPLATE_BYTES = 16 * 2 ** 20;

export class Blobs {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** @throws WindrowError BLOB_DIGEST_WRONG, UPLOAD_CUT, UPLOAD_TOO_LARGE, DISK_FULL */
  async receive(sha256: string, body: Readable): Promise<{ sha256: string; bytes: number }> {
    const partial = this.#layout.blob(partialName());
    const options = { limitBytes: BLOB_BYTES, sync: true };
    return receiveFile(body, partial, options, (received) => {
      if (received.sha256 !== sha256) {
        throw serverErrors.create('BLOB_DIGEST_WRONG', {
          found: received.sha256,
          expected: sha256,
        });
      }
      return this.#layout.blob(sha256);
    });
  }

  /**
   * Makes a file that is whole, flushed and verified a blob; `path` is used up.
   * @throws WindrowError DISK_FULL
   */
  async take(path: string, sha256: string): Promise<void> {
    const final = this.#layout.blob(sha256);
    try {
      mkdirSync(dirname(final), { recursive: true, mode: 0o700 });
      renameSync(path, final);
      await syncDirectory(dirname(final));
    } catch (error) {
      throw storageError(error, final);
    }
    this.claim(sha256);
  }

  /** @throws WindrowError DISK_FULL where a file of so many bytes would find no room */
  async requireRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#layout.root);
    if (bavail * bsize < bytes) throw diskFull(this.#layout.root);
  }

  /** Which of them are not here; those that are stay for an hour at least. */
  missing(digests: readonly string[]): string[] {
    return [...new Set(digests)].filter((sha256) => !this.claim(sha256));
  }

  /** Size in bytes, or null when it is not here. */
  size(sha256: string): number | null {
    if (!/^[0-9a-f]{64}$/.test(sha256)) return null;
    return statSync(this.#layout.blob(sha256), { throwIfNoEntry: false })?.size ?? null;
  }

  path(sha256: string): string {
    return this.#layout.blob(sha256);
  }

  /** From byte `start` up to and with `end`; all of it when they are not given. */
  read(sha256: string, range: { readonly start?: number; readonly end?: number } = {}): Readable {
    return createReadStream(this.#layout.blob(sha256), range);
  }

  /** Null when it is not here; the file is the caller's to close. */
  async open(
    sha256: string,
  ): Promise<{ readonly file: FileHandle; readonly bytes: number } | null> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) return null;
    try {
      const file = await open(this.#layout.blob(sha256));
      return { file, bytes: (await file.stat()).size };
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  /** Out of the way of all who would read it, for those who want to know what became of it. */
  setAside(sha256: string): void {
    renameSync(this.#layout.blob(sha256), `${this.#layout.blob(sha256)}.damaged`);
  }

  /** The templates of a job by digest. */
  async templates(spec: JobSpec): Promise<Map<string, string>> {
    const texts = new Map<string, string>();
    for (const { from } of spec.inputs) {
      if (from.kind !== 'template' || texts.has(from.blob)) continue;
      // The file's own size: what a submission says of it is not to be relied on.
      if ((this.size(from.blob) ?? 0) > TEMPLATE_BYTES) {
        throw serverErrors.create('UPLOAD_TOO_LARGE', { limit: TEMPLATE_BYTES });
      }
      texts.set(from.blob, await readFile(this.#layout.blob(from.blob), 'utf8'));
    }
    return texts;
  }

  /** @throws WindrowError BLOB_UNKNOWN naming the first file that a job needs and that is missing */
  requireAll(spec: JobSpec): void {
    for (const { blob, use } of blobsOf(spec)) {
      if (!this.claim(blob)) throw serverErrors.create('BLOB_UNKNOWN', { sha256: blob, use });
    }
  }

  /** False when it is not here. One that is stays for an hour at least, job or not. */
  claim(sha256: string): boolean {
    if (this.size(sha256) === null) return false;
    // Beside it: the file itself may be the datastore's too, where a new time tells of a change.
    writeFileSync(`${this.#layout.blob(sha256)}.claimed`, '', { mode: 0o600 });
    return true;
  }

  /**
   * Takes over what the datastore holds, without a copy where one file system has both.
   * @throws WindrowError DISK_FULL
   */
  async adopt({ path, sha256 }: { readonly path: string; readonly sha256: string }): Promise<void> {
    if (this.claim(sha256)) return;
    const final = this.#layout.blob(sha256);
    mkdirSync(dirname(final), { recursive: true, mode: 0o700 });
    try {
      linkSync(path, final);
      await syncDirectory(dirname(final));
    } catch (error) {
      const code = systemCodeOf(error);
      if (code !== 'EXDEV' && code !== 'EMLINK' && code !== 'EPERM' && code !== 'EEXIST') {
        throw storageError(error, final);
      }
      if (code !== 'EEXIST') await this.receive(sha256, createReadStream(path));
    }
    this.claim(sha256);
  }
}

/** What of a job lies among the blobs, and what it is for. */
export function blobsOf(spec: JobSpec): { blob: string; use: string }[] {
  const needed: { blob: string; use: string }[] = [];
  for (const input of spec.inputs) {
    const { from } = input;
    const found = blobOf(input);
    if (found) needed.push({ blob: found.blob, use: `the input ${input.name}` });
    if (from.kind !== 'files') continue;
    for (const file of Object.values(from.files).flat()) {
      needed.push({ blob: file.blob, use: `the input ${file.name}` });
    }
  }
  for (const { platform, sha256 } of spec.programs) {
    needed.push({ blob: sha256, use: `the program for ${platform}` });
  }
  const codes = [spec.validate, spec.collect.kind === 'module' ? spec.collect.code : null];
  for (const code of codes) {
    if (code && code.kind !== 'expression') needed.push({ blob: code.sha256, use: code.path });
  }
  return needed;
}
