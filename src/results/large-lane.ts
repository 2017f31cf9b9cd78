import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { WindrowError } from '#base';
import type { RecordPlace } from '#model';
import { resultsErrors } from './errors.ts';
import {
  DIGEST_BYTES,
  encodeHead,
  type InlinePart,
  type LargeRecordInput,
  type PartHeader,
  recordBytes,
  type SpooledPart,
} from './record.ts';
import { type DurableEnd, segmentPath, syncCreated, writeError } from './segment-files.ts';

const COPY_BYTES = 2 ** 20;

/** The segments that hold large records: one copy at a time, in the order of the calls. */
export class LargeLane {
  readonly #directory: string;
  readonly #segmentBytes: number;
  #tail: DurableEnd;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(directory: string, tail: DurableEnd, segmentBytes: number) {
    this.#directory = directory;
    this.#tail = tail;
    this.#segmentBytes = segmentBytes;
  }

  /** Behind the last record that is complete. */
  get end(): DurableEnd {
    return this.#tail;
  }

  append(input: LargeRecordInput): Promise<RecordPlace> {
    const copied = this.#queue.then(() => this.#copy(input));
    this.#queue = copied.catch(() => undefined);
    return copied;
  }

  async close(): Promise<void> {
    await this.#queue;
  }

  async #copy(input: LargeRecordInput): Promise<RecordPlace> {
    if (this.#tail.bytes >= this.#segmentBytes) {
      this.#tail = { segment: this.#tail.segment + 2, bytes: 0 };
    }
    const { segment, bytes: offset } = this.#tail;
    const path = segmentPath(this.#directory, segment);
    const file = await this.#open(path);
    try {
      const bytes = await writeRecord(file, offset, input);
      this.#tail = { segment, bytes: offset + bytes };
      return { segment, offset, bytes };
    } catch (error) {
      // Freed at once: the disk may be full because of it.
      await file.truncate(offset).catch(() => undefined);
      throw error instanceof WindrowError ? error : writeError(path, offset, error);
    } finally {
      await file.close();
    }
  }

  async #open(path: string): Promise<FileHandle> {
    try {
      const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      if (this.#tail.bytes === 0) await syncCreated(this.#directory);
      return file;
    } catch (error) {
      throw writeError(path, 0, error);
    }
  }
}

/** Body first, then the head: a record whose magic can be read is whole. Returns its length. */
async function writeRecord(
  file: FileHandle,
  offset: number,
  input: LargeRecordInput,
): Promise<number> {
  const { ticket, job, task } = input;
  const parts = input.parts.map(partHeader);
  const header = { ticket, job, task, parts };
  const head = encodeHead(header);
  const digest = createHash('sha256').update(head);
  let at = offset + head.length;
  for (const part of input.parts) {
    for await (const chunk of contentOf(part)) {
      digest.update(chunk);
      at += await writeAll(file, chunk, at);
    }
  }
  await writeAll(file, digest.digest(), at);
  await file.datasync();
  await writeAll(file, head, offset);
  await file.datasync();
  const bytes = at + DIGEST_BYTES - offset;
  if (bytes !== recordBytes(header, head.length)) throw new Error('record length out of step');
  return bytes;
}

function partHeader(part: InlinePart | SpooledPart): PartHeader {
  const { name, kind, file, cutBytes } = part;
  if ('spool' in part) {
    return { name, kind, file, cutBytes, bytes: part.spool.bytes, sha256: part.spool.sha256 };
  }
  const content = bytesOf(part);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { name, kind, file, cutBytes, bytes: content.length, sha256 };
}

async function* contentOf(part: InlinePart | SpooledPart): AsyncGenerator<Buffer> {
  if ('spool' in part) yield* spoolContent(part);
  else if (part.content.length > 0) yield bytesOf(part);
}

function bytesOf({ content }: InlinePart): Buffer {
  return typeof content === 'string' ? Buffer.from(content) : content;
}

async function* spoolContent(part: SpooledPart): AsyncGenerator<Buffer> {
  const { path, bytes } = part.spool;
  const file = await openSpool(part);
  const digest: Hash = createHash('sha256');
  try {
    const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, Math.max(bytes, 1)));
    let at = 0;
    // One byte more than announced is asked for, so that a longer file is noticed too.
    while (at <= bytes) {
      const want = Math.min(buffer.length, bytes - at + 1);
      const { bytesRead } = await file.read(buffer, 0, want, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      if (at > bytes) break;
      const chunk = buffer.subarray(0, bytesRead);
      digest.update(chunk);
      yield chunk;
    }
    if (at !== bytes) throw spoolChanged(part, `${bytes} bytes were announced, ${at} found`);
  } finally {
    await file.close();
  }
  if (digest.digest('hex') !== part.spool.sha256) {
    throw spoolChanged(part, `its SHA-256 differs (${path})`);
  }
}

async function openSpool(part: SpooledPart): Promise<FileHandle> {
  try {
    return await open(part.spool.path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    throw spoolChanged(part, `${part.spool.path} cannot be read`, error);
  }
}

function spoolChanged(part: SpooledPart, reason: string, cause?: unknown): WindrowError {
  return resultsErrors.create('RESULTS_SPOOL_CHANGED', { name: part.name, reason }, { cause });
}

async function writeAll(file: FileHandle, chunk: Buffer, at: number): Promise<number> {
  let done = 0;
  while (done < chunk.length) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, at + done);
    done += bytesWritten;
  }
  return chunk.length;
}
