import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import type { RecordPlace } from '#model';
import {
  DIGEST_BYTES,
  decodeHead,
  headerBytesOf,
  NotARecord,
  PREFIX_BYTES,
  recordBytes,
} from './record.ts';
import {
  type DurableEnd,
  type Lane,
  laneOf,
  listSegments,
  readAt,
  segmentPath,
} from './segment-files.ts';

const PIECE_BYTES = 2 ** 20;

/** One record as the check found it; `reason` is null for a good one. */
export interface Finding {
  readonly file: string;
  readonly place: RecordPlace;
  readonly reason: string | null;
}

/**
 * Walks every record of every segment up to the durable end. A damaged header ends the walk of
 * its segment: without it the next record cannot be found.
 */
export function* verifySegments(
  directory: string,
  ends: Readonly<Record<Lane, DurableEnd>>,
): Generator<Finding> {
  for (const segment of listSegments(directory)) {
    const end = ends[laneOf(segment)];
    if (segment > end.segment) continue;
    const file = segmentPath(directory, segment);
    const fd = openSync(file, 'r');
    try {
      const size = segment === end.segment ? end.bytes : fstatSync(fd).size;
      yield* verifySegment(fd, file, segment, size);
    } finally {
      closeSync(fd);
    }
  }
}

function* verifySegment(
  fd: number,
  file: string,
  segment: number,
  size: number,
): Generator<Finding> {
  let offset = 0;
  while (offset < size) {
    const { bytes, reason, walkable } = verifyRecord(fd, offset, size);
    yield { file, place: { segment, offset, bytes }, reason };
    if (!walkable) return;
    offset += bytes;
  }
}

function verifyRecord(
  fd: number,
  offset: number,
  size: number,
): { bytes: number; reason: string | null; walkable: boolean } {
  try {
    const prefix = readAt(fd, offset, PREFIX_BYTES);
    const head = readAt(fd, offset, PREFIX_BYTES + headerBytesOf(prefix));
    const { header, headBytes } = decodeHead(head);
    const bytes = recordBytes(header, headBytes);
    if (offset + bytes > size) throw new NotARecord('the file ends inside it');
    const good = digestMatches(fd, offset, bytes);
    return { bytes, reason: good ? null : 'its SHA-256 does not match', walkable: true };
  } catch (error) {
    if (!(error instanceof NotARecord)) throw error;
    return { bytes: size - offset, reason: error.message, walkable: false };
  }
}

function digestMatches(fd: number, offset: number, bytes: number): boolean {
  const end = offset + bytes - DIGEST_BYTES;
  const digest = createHash('sha256');
  for (let at = offset; at < end; at += PIECE_BYTES) {
    digest.update(readAt(fd, at, Math.min(PIECE_BYTES, end - at)));
  }
  return digest.digest().equals(readAt(fd, end, DIGEST_BYTES));
}
