/**
 * One attempt's parts as one record of a segment file. Layout, integers little-endian:
 *
 *   0   4  magic "WREC"
 *   4   4  version (1)
 *   8   4  header length in bytes
 *   12  4  CRC-32 of the header, so that a large record's header is trusted before its body is read
 *   16  …  header: JSON { ticket, job, task, parts: [{ name, kind, file, cutBytes, bytes, sha256? }] }
 *   …   …  the parts' bytes, in the order of the header
 *   …   32 SHA-256 of everything before it
 */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { JobId, Part, TaskIndex, Ticket } from '#model';
import { resultsErrors } from './errors.ts';

export const PREFIX_BYTES = 16;
export const DIGEST_BYTES = 32;
/** Ten thousand files of a glob need about 2 MB. */
export const MAX_HEADER_BYTES = 16 * 2 ** 20;

const MAGIC = 0x4345_5257; // "WREC"
const VERSION = 1;

/** A part whose content is at hand. */
export interface InlinePart extends Part {
  readonly content: Buffer | string;
}

/** A part that lies in a file of its own until it is copied into a segment. */
export interface SpooledPart extends Part {
  readonly spool: { readonly path: string; readonly bytes: number; readonly sha256: string };
}

export interface RecordInput {
  readonly ticket: Ticket;
  readonly job: JobId;
  readonly task: TaskIndex;
  readonly parts: readonly InlinePart[];
}

export interface LargeRecordInput extends Omit<RecordInput, 'parts'> {
  readonly parts: readonly (InlinePart | SpooledPart)[];
}

export interface PartHeader extends Part {
  readonly bytes: number;
  /** Only in records that may be too large to be verified as a whole before use. */
  readonly sha256?: string;
}

export interface RecordHeader {
  readonly ticket: Ticket;
  readonly job: JobId;
  readonly task: TaskIndex;
  readonly parts: readonly PartHeader[];
}

/** The prefix and header of a record as they stand in the file. */
export function encodeHead(header: RecordHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  requireHeaderFits(json.length, header.parts.length);
  const head = Buffer.allocUnsafe(PREFIX_BYTES + json.length);
  json.copy(head, PREFIX_BYTES);
  writePrefix(head, 0, json.length);
  return head;
}

function requireHeaderFits(bytes: number, parts: number): void {
  if (bytes > MAX_HEADER_BYTES) {
    throw resultsErrors.create('RESULTS_RECORD_TOO_LARGE', {
      parts,
      bytes,
      limitBytes: MAX_HEADER_BYTES,
    });
  }
}

function writePrefix(target: Buffer, at: number, headerBytes: number): void {
  target.writeUInt32LE(MAGIC, at);
  target.writeUInt32LE(VERSION, at + 4);
  target.writeUInt32LE(headerBytes, at + 8);
  const start = at + PREFIX_BYTES;
  target.writeUInt32LE(crc32(target.subarray(start, start + headerBytes)), at + 12);
}

function contentBytes(content: Buffer | string): number {
  return typeof content === 'string' ? Buffer.byteLength(content) : content.length;
}

/** Encodes small records one behind the other into large chunks, without a copy in between. */
export class RecordBatch {
  #chunks: Buffer[] = [];
  #chunk: Buffer;
  #used = 0;
  #bytes = 0;
  #lastPart: Part & { readonly head: string } = NO_PART;

  /** `memory` is written to first: what another batch has given back, or nothing. */
  constructor(memory: Buffer = NOTHING) {
    this.#chunk = memory;
  }

  /** Gives back memory that was reserved and not used, for another batch; call after `take`. */
  giveBack(): Buffer {
    const rest = this.#chunk;
    this.#chunk = NOTHING;
    return rest;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Appends one record and returns its length in bytes. */
  add(input: RecordInput): number {
    let bodyBytes = 0;
    let heads = '';
    for (const part of input.parts) {
      const bytes = contentBytes(part.content);
      bodyBytes += bytes;
      heads += `${heads === '' ? '' : ','}${this.#partHead(part)}${bytes}}`;
    }
    const json = `{"ticket":${input.ticket},"job":${input.job},"task":${input.task},"parts":[${heads}]}`;
    const [only] = input.parts;
    // The usual record in one go: each write into a buffer costs as much as hashing the record.
    const text =
      input.parts.length === 1 && typeof only?.content === 'string' ? only.content : null;
    // At most three bytes a character: counting them takes longer than giving back what is left.
    const start = this.#reserve(PREFIX_BYTES + 3 * json.length + bodyBytes + DIGEST_BYTES);
    const chunk = this.#chunk;
    let at = start + PREFIX_BYTES;
    at += chunk.write(text === null ? json : json + text, at);
    const headerBytes = at - start - PREFIX_BYTES - (text === null ? 0 : bodyBytes);
    requireHeaderFits(headerBytes, input.parts.length);
    writePrefix(chunk, start, headerBytes);
    for (const { content } of text === null ? input.parts : []) {
      at += typeof content === 'string' ? chunk.write(content, at) : content.copy(chunk, at);
    }
    // As text of one byte a character: a buffer for each digest takes as long as making it.
    chunk.write(hash('sha256', chunk.subarray(start, at), 'latin1'), at, 'latin1');
    this.#used = at + DIGEST_BYTES;
    this.#bytes += this.#used - start;
    return this.#used - start;
  }

  /** A part's header up to its length. Most records of a job have the same parts. */
  #partHead({ name, kind, file, cutBytes }: Part): string {
    const last = this.#lastPart;
    const isSame = last.name === name && last.kind === kind && last.file === file;
    if (isSame && last.cutBytes === cutBytes) return last.head;
    const head = `${JSON.stringify({ name, kind, file, cutBytes }).slice(0, -1)},"bytes":`;
    this.#lastPart = { name, kind, file, cutBytes, head };
    return head;
  }

  /** Room for so many bytes in one chunk, from the place that is returned. */
  #reserve(bytes: number): number {
    if (this.#used + bytes > this.#chunk.length) {
      if (this.#used > 0) this.#chunks.push(this.#chunk.subarray(0, this.#used));
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(bytes, CHUNK_BYTES));
      this.#used = 0;
    }
    return this.#used;
  }

  /** What was encoded, in order; the batch is empty after it. */
  take(): Buffer[] {
    const chunks = this.#chunks;
    if (this.#used > 0) chunks.push(this.#chunk.subarray(0, this.#used));
    this.#chunk = this.#chunk.subarray(this.#used);
    this.#chunks = [];
    this.#used = 0;
    this.#bytes = 0;
    return chunks;
  }
}

const CHUNK_BYTES = 2 ** 20;
const NOTHING = Buffer.alloc(0);
const NO_PART = { name: '', kind: 'result', file: '', cutBytes: -1, head: '' } as const;

/** Why bytes are no record; a sentence fragment for `RESULTS_RECORD_CORRUPT`. */
export class NotARecord extends Error {}

/** Length of the header that a record's first `PREFIX_BYTES` announce. Throws `NotARecord`. */
export function headerBytesOf(prefix: Buffer): number {
  if (prefix.length < PREFIX_BYTES) throw new NotARecord('it ends inside its prefix');
  if (prefix.readUInt32LE(0) !== MAGIC) throw new NotARecord('no record begins there');
  const version = prefix.readUInt32LE(4);
  if (version !== VERSION) throw new NotARecord(`its format version is ${version}, not ${VERSION}`);
  const bytes = prefix.readUInt32LE(8);
  if (bytes > MAX_HEADER_BYTES) throw new NotARecord(`its header claims ${bytes} bytes`);
  return bytes;
}

/** Reads and checks prefix and header. Throws `NotARecord`. */
export function decodeHead(bytes: Buffer): { header: RecordHeader; headBytes: number } {
  const headerBytes = headerBytesOf(bytes);
  const headBytes = PREFIX_BYTES + headerBytes;
  if (bytes.length < headBytes) throw new NotARecord('it ends inside its header');
  const json = bytes.subarray(PREFIX_BYTES, headBytes);
  if (crc32(json) !== bytes.readUInt32LE(12)) throw new NotARecord('its header is damaged');
  return { header: JSON.parse(json.toString()) as RecordHeader, headBytes };
}

/** Whole length of the record that a header describes. */
export function recordBytes(header: RecordHeader, headBytes: number): number {
  let total = headBytes + DIGEST_BYTES;
  for (const part of header.parts) total += part.bytes;
  return total;
}

/** Checks a whole record and gives its header and parts as views into `bytes`. Throws `NotARecord`. */
export function decodeRecord(bytes: Buffer): { header: RecordHeader; contents: Buffer[] } {
  const { header, headBytes } = decodeHead(bytes);
  if (recordBytes(header, headBytes) !== bytes.length) {
    throw new NotARecord('its length is not what its header says');
  }
  const end = bytes.length - DIGEST_BYTES;
  const digest = hash('sha256', bytes.subarray(0, end), 'buffer');
  if (digest.compare(bytes, end) !== 0) throw new NotARecord('its SHA-256 does not match');
  const contents: Buffer[] = [];
  let at = headBytes;
  for (const part of header.parts) {
    contents.push(bytes.subarray(at, at + part.bytes));
    at += part.bytes;
  }
  return { header, contents };
}
