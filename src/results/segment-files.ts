/**
 * Segment files of one directory. Two lanes share one numbering: odd segments hold small records,
 * written in batches; even ones hold large records, streamed one at a time. A lane each, because a
 * batch must never wait for a ten-gigabyte copy, and a copy that fails must be cut off without
 * touching what was written meanwhile.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { allDone, messageOf, syncDirectory, systemCodeOf, type WindrowError } from '#base';
import { resultsErrors } from './errors.ts';
import { decodeHead, headerBytesOf, NotARecord, PREFIX_BYTES, recordBytes } from './record.ts';

export type Lane = 'small' | 'large';

/** What the database knows to be durable in the small lane. */
export interface DurableEnd {
  readonly segment: number;
  readonly bytes: number;
}

export function laneOf(segment: number): Lane {
  return segment % 2 === 1 ? 'small' : 'large';
}

export function segmentPath(directory: string, segment: number): string {
  return join(directory, `results-${String(segment).padStart(6, '0')}.seg`);
}

/** Numbers of the segment files that exist, ascending. */
export function listSegments(directory: string): number[] {
  const segments: number[] = [];
  for (const name of readdirSync(directory)) {
    const match = /^results-(\d{6,})\.seg$/.exec(name);
    if (match) segments.push(Number(match[1]));
  }
  return segments.sort((a, b) => a - b);
}

/**
 * Makes the name of a file that was created in `directory` durable, and that of `directory` itself;
 * the disk is waited for off this thread.
 */
export async function syncCreated(directory: string): Promise<void> {
  await allDone([directory, dirname(directory)].map(syncDirectory));
}

/** As `syncDirectory`, on this thread: at a start, and where nobody waits behind it. */
export function syncDirectoryNow(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A system error while writing `file`, as the error that users see. */
export function writeError(file: string, writtenBytes: number, cause: unknown): WindrowError {
  const code = systemCodeOf(cause);
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return full
    ? resultsErrors.create('RESULTS_DISK_FULL', { file, writtenBytes }, { cause })
    : resultsErrors.create('RESULTS_WRITE_FAILED', { file, reason: messageOf(cause) }, { cause });
}

/** Cuts `path` to `bytes`, durably. */
export function truncateSegment(path: string, bytes: number): void {
  const fd = openSync(path, 'r+');
  try {
    ftruncateSync(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Brings the small lane back to what the database knows: everything behind it was never
 * acknowledged. Returns the end to append at.
 */
export function recoverSmallLane(directory: string, durable: DurableEnd | null): DurableEnd {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const segments = listSegments(directory).filter((segment) => laneOf(segment) === 'small');
  if (durable === null && segments.length > 1) {
    throw resultsErrors.create('RESULTS_SEGMENTS_UNKNOWN', { directory, found: segments.length });
  }
  const end = durable ?? { segment: 1, bytes: 0 };
  requireSegments(directory, segments, end);
  for (const segment of segments) {
    const path = segmentPath(directory, segment);
    if (segment > end.segment) unlinkSync(path);
    else if (segment === end.segment) truncateSegment(path, end.bytes);
  }
  if (segments.some((segment) => segment > end.segment)) syncDirectoryNow(directory);
  return end;
}

function requireSegments(directory: string, segments: readonly number[], end: DurableEnd): void {
  const found = new Set(segments);
  for (let segment = 1; segment <= end.segment; segment += 2) {
    const file = segmentPath(directory, segment);
    const expectedBytes = segment === end.segment ? end.bytes : 1;
    if (expectedBytes === 0) continue;
    if (!found.has(segment)) {
      throw resultsErrors.create('RESULTS_SEGMENT_MISSING', { file, expectedBytes });
    }
    const foundBytes = segmentBytes(file);
    if (foundBytes < expectedBytes) {
      throw resultsErrors.create('RESULTS_SEGMENT_SHORT', { file, foundBytes, expectedBytes });
    }
  }
}

function segmentBytes(path: string): number {
  const fd = openSync(path, 'r');
  try {
    return fstatSync(fd).size;
  } finally {
    closeSync(fd);
  }
}

/**
 * Finds the end of the large lane's last segment and cuts off a copy that never finished: a
 * record's magic is written last, after its bytes are durable.
 */
export function recoverLargeLane(directory: string): DurableEnd {
  const segments = listSegments(directory).filter((segment) => laneOf(segment) === 'large');
  const segment = segments.at(-1);
  if (segment === undefined) return { segment: 2, bytes: 0 };
  const path = segmentPath(directory, segment);
  const bytes = endOfRecords(path);
  truncateSegment(path, bytes);
  return { segment, bytes };
}

function endOfRecords(path: string): number {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    let at = 0;
    while (at < size) {
      const bytes = recordBytesAt(fd, at);
      if (bytes === null || at + bytes > size) break;
      at += bytes;
    }
    return at;
  } finally {
    closeSync(fd);
  }
}

function recordBytesAt(fd: number, position: number): number | null {
  try {
    const prefix = readAt(fd, position, PREFIX_BYTES);
    const head = readAt(fd, position, PREFIX_BYTES + headerBytesOf(prefix));
    const { header, headBytes } = decodeHead(head);
    return recordBytes(header, headBytes);
  } catch (error) {
    if (error instanceof NotARecord) return null;
    throw error;
  }
}

/** Up to `bytes` bytes from `position`; fewer only at the file's end. */
export function readAt(fd: number, position: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let got = 0;
  while (got < bytes) {
    const count = readSync(fd, buffer, got, bytes - got, position + got);
    if (count === 0) break;
    got += count;
  }
  return buffer.subarray(0, got);
}
