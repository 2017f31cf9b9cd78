/**
 * A sink that keeps what arrives until the whole body has: small parts in memory, larger ones in
 * files of their own. Nothing of a body that fails half-way is ever seen by anyone.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCodeOf } from '#base';
import type { Digest } from '#model';
import { wireErrors } from '../errors.ts';
import type { PartHead, PartSink } from './parts.ts';

export interface SpooledPart {
  readonly name: string;
  /** Name of the file it came from on the other side, or `''`. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: Digest;
  /** A file may be moved away by whoever takes it; what is left is removed by `discard`. */
  readonly content:
    | { readonly kind: 'memory'; readonly bytes: Buffer }
    | { readonly kind: 'file'; readonly path: string };
}

/** Parts longer than this go to a file, and so do all once so much is in memory. */
const MEMORY_BYTES = 64 * 1024;

interface OpenPart {
  readonly head: PartHead;
  readonly hash: Hash;
  readonly chunks: Buffer[];
  bytes: number;
  file: { readonly handle: FileHandle; readonly path: string } | null;
}

export class PartSpool implements PartSink {
  readonly #directory: string;
  readonly #parts: SpooledPart[] = [];
  #memoryBytes = 0;
  #current: OpenPart | null = null;

  /** `directory` must exist; it is not touched while parts are small. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What has arrived completely. */
  get parts(): readonly SpooledPart[] {
    return this.#parts;
  }

  begin(head: PartHead): void {
    this.#current = { head, hash: createHash('sha256'), chunks: [], bytes: 0, file: null };
  }

  async write(chunk: Buffer): Promise<void> {
    const part = this.#current!;
    part.hash.update(chunk);
    part.bytes += chunk.length;
    if (!part.file && this.#memoryBytes + part.bytes <= MEMORY_BYTES) {
      part.chunks.push(chunk);
      return;
    }
    await this.#toFile(part, chunk);
  }

  end(): Promise<void> | void {
    const part = this.#current!;
    if (part.file) return this.#endFile(part, part.file);
    this.#memoryBytes += part.bytes;
    // Copied: the chunks are views of the network's much larger buffers.
    const bytes = Buffer.concat(part.chunks, part.bytes);
    this.#keep(part, { kind: 'memory', bytes });
  }

  /** Closes and removes whatever nobody took. Safe at any time, repeatable. */
  async discard(): Promise<void> {
    const open = this.#current?.file;
    this.#current = null;
    if (open) {
      await open.handle.close().catch(() => {});
      await unlink(open.path).catch(() => {});
    }
    for (const { content } of this.#parts.splice(0)) {
      if (content.kind === 'file') await unlink(content.path).catch(() => {});
    }
  }

  async #toFile(part: OpenPart, chunk: Buffer): Promise<void> {
    const path = part.file?.path ?? this.#newPath();
    try {
      part.file ??= { handle: await open(path, 'wx', 0o600), path };
      for (const early of part.chunks.splice(0)) await part.file.handle.writeFile(early);
      await part.file.handle.writeFile(chunk);
    } catch (error) {
      throw unusable(path, error);
    }
  }

  async #endFile(part: OpenPart, file: { handle: FileHandle; path: string }): Promise<void> {
    try {
      await file.handle.sync();
      await file.handle.close();
    } catch (error) {
      throw unusable(file.path, error);
    }
    this.#keep(part, { kind: 'file', path: file.path });
  }

  #keep(part: OpenPart, content: SpooledPart['content']): void {
    const { name, file } = part.head;
    const sha256 = part.hash.digest('hex');
    this.#current = null;
    this.#parts.push({ name, file, bytes: part.bytes, sha256, content });
  }

  #newPath(): string {
    return join(this.#directory, `part-${randomBytes(12).toString('hex')}`);
  }
}

function unusable(file: string, error: unknown): Error {
  const reason = systemCodeOf(error) ?? 'unknown';
  const code = reason === 'ENOSPC' || reason === 'EDQUOT' ? 'DISK_FULL' : 'FILE_UNUSABLE';
  return wireErrors.create(code, { file, action: 'written', reason }, { cause: error });
}
