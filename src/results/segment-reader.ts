import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { systemCodeOf, type WindrowError } from '#base';
import type { JobId, Part, RecordPlace, TaskIndex, Ticket } from '#model';
import { resultsErrors } from './errors.ts';
import {
  decodeHead,
  decodeRecord,
  headerBytesOf,
  NotARecord,
  type PartHeader,
  PREFIX_BYTES,
  recordBytes,
} from './record.ts';
import { readAt, segmentPath } from './segment-files.ts';

/** Records up to this size are read and verified whole; larger ones part by part while streamed. */
const WHOLE_BYTES = 4 * 2 ** 20;
const BLOCK_BYTES = 4 * 2 ** 20;
const STREAM_BYTES = 2 ** 20;
const MAX_OPEN = 8;

export interface StoredPart extends Part {
  readonly bytes: number;
  /** The content; error `RESULTS_PART_TOO_LARGE` when it has more than `limitBytes`. */
  read(limitBytes: number): Buffer;
  /**
   * The content in pieces, verified at the end at the latest: a consumer must not publish what it
   * got before the stream has ended without an error.
   */
  pieces(): Generator<Buffer>;
}

export interface StoredRecord {
  readonly ticket: Ticket;
  readonly job: JobId;
  readonly task: TaskIndex;
  readonly parts: readonly StoredPart[];
}

/**
 * Reads records by place. Reading is synchronous: a record is small or is read in pieces, and the
 * page cache answers what was just written. With `readAhead`, runs of ascending places cost one
 * read for megabytes of records.
 */
export class SegmentReader {
  readonly #directory: string;
  readonly #readAhead: boolean;
  readonly #open = new Map<number, number>();
  #block: { segment: number; offset: number; bytes: Buffer } | null = null;

  constructor(directory: string, options: { readonly readAhead?: boolean } = {}) {
    this.#directory = directory;
    this.#readAhead = options.readAhead ?? false;
  }

  /** Errors: `RESULTS_RECORD_CORRUPT`, `RESULTS_SEGMENT_MISSING`. */
  read(place: RecordPlace): StoredRecord {
    try {
      return place.bytes <= WHOLE_BYTES ? this.#readWhole(place) : this.#readHead(place);
    } catch (error) {
      if (error instanceof NotARecord) throw this.#corrupt(place, error.message);
      throw error;
    }
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
    this.#block = null;
  }

  #readWhole(place: RecordPlace): StoredRecord {
    const bytes = this.#bytes(place);
    if (bytes.length < place.bytes) throw new NotARecord('the file ends inside it');
    const { header, contents } = decodeRecord(bytes);
    const parts = header.parts.map((part, index) => memoryPart(part, contents[index]!));
    return { ticket: header.ticket, job: header.job, task: header.task, parts };
  }

  #bytes(place: RecordPlace): Buffer {
    if (!this.#readAhead) return this.#read(place.segment, place.offset, place.bytes);
    const block = this.#block;
    const start = place.offset - (block?.offset ?? 0);
    const inside =
      block?.segment === place.segment && start >= 0 && start + place.bytes <= block.bytes.length;
    if (inside) return block.bytes.subarray(start, start + place.bytes);
    const bytes = this.#read(place.segment, place.offset, Math.max(BLOCK_BYTES, place.bytes));
    this.#block = { segment: place.segment, offset: place.offset, bytes };
    return bytes.subarray(0, place.bytes);
  }

  #readHead(place: RecordPlace): StoredRecord {
    const prefix = this.#read(place.segment, place.offset, PREFIX_BYTES);
    const headBytes = PREFIX_BYTES + headerBytesOf(prefix);
    const { header } = decodeHead(this.#read(place.segment, place.offset, headBytes));
    if (recordBytes(header, headBytes) !== place.bytes) {
      throw new NotARecord('its length is not what its header says');
    }
    let offset = place.offset + headBytes;
    const parts = header.parts.map((part) => {
      const at = offset;
      offset += part.bytes;
      return this.#streamedPart(place, part, at);
    });
    return { ticket: header.ticket, job: header.job, task: header.task, parts };
  }

  #streamedPart(place: RecordPlace, part: PartHeader, offset: number): StoredPart {
    const pieces = (): Generator<Buffer> => this.#pieces(place, part, offset);
    return {
      ...facts(part),
      pieces,
      read: (limitBytes) => {
        requireFits(part, limitBytes);
        return Buffer.concat([...pieces()]);
      },
    };
  }

  *#pieces(place: RecordPlace, part: PartHeader, offset: number): Generator<Buffer> {
    const digest = part.sha256 === undefined ? null : createHash('sha256');
    for (let at = 0; at < part.bytes; at += STREAM_BYTES) {
      const want = Math.min(STREAM_BYTES, part.bytes - at);
      const piece = this.#read(place.segment, offset + at, want);
      if (piece.length < want) throw this.#corrupt(place, 'the file ends inside it');
      digest?.update(piece);
      yield piece;
    }
    if (digest && digest.digest('hex') !== part.sha256) {
      throw this.#corrupt(place, `the SHA-256 of its part ${part.name} does not match`);
    }
  }

  #read(segment: number, offset: number, bytes: number): Buffer {
    return readAt(this.#descriptor(segment), offset, bytes);
  }

  #descriptor(segment: number): number {
    const known = this.#open.get(segment);
    if (known !== undefined) return known;
    if (this.#open.size >= MAX_OPEN) {
      const [oldest, fd] = this.#open.entries().next().value!;
      this.#open.delete(oldest);
      closeSync(fd);
    }
    const file = segmentPath(this.#directory, segment);
    try {
      const fd = openSync(file, 'r');
      this.#open.set(segment, fd);
      return fd;
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw error;
      throw resultsErrors.create('RESULTS_SEGMENT_MISSING', { file, expectedBytes: 1 });
    }
  }

  #corrupt(place: RecordPlace, reason: string): WindrowError {
    const file = segmentPath(this.#directory, place.segment);
    const { segment, offset, bytes } = place;
    return resultsErrors.create('RESULTS_RECORD_CORRUPT', { file, segment, offset, bytes, reason });
  }
}

function facts(part: PartHeader): Part & { readonly bytes: number } {
  const { name, kind, file, cutBytes, bytes } = part;
  return { name, kind, file, cutBytes, bytes };
}

function memoryPart(part: PartHeader, content: Buffer): StoredPart {
  return {
    ...facts(part),
    *pieces() {
      if (content.length > 0) yield content;
    },
    read(limitBytes) {
      requireFits(part, limitBytes);
      return content;
    },
  };
}

function requireFits(part: PartHeader, limitBytes: number): void {
  if (part.bytes > limitBytes) {
    const { name, bytes } = part;
    throw resultsErrors.create('RESULTS_PART_TOO_LARGE', { name, bytes, limitBytes });
  }
}
