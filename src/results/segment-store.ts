import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  openSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import { allDone } from '#base';
import type { RecordPlace } from '#model';
import { LargeLane } from './large-lane.ts';
import { type LargeRecordInput, RecordBatch, type RecordInput } from './record.ts';
import {
  type DurableEnd,
  recoverLargeLane,
  recoverSmallLane,
  segmentPath,
  syncCreated,
  truncateSegment,
  writeError,
} from './segment-files.ts';
import { SegmentReader, type StoredRecord } from './segment-reader.ts';
import { type Finding, verifySegments } from './segment-verify.ts';

const datasync = promisify(fdatasync);

const SEGMENT_BYTES = 256 * 2 ** 20;

/** Records that were encoded but not written, all of one segment. */
interface Run {
  readonly segment: number;
  readonly offset: number;
  readonly batch: RecordBatch;
  /** Encoded and taken from the batch by a flush: kept until they are durable. */
  readonly chunks: Buffer[];
}

/**
 * Memory that flushes have left, of whichever job: what most write at a time is far smaller than
 * what is reserved for it, and jobs that are over keep nothing.
 */
const spares: Buffer[] = [];
const SPARES_MOST = 8;
const SPARE_LEAST_BYTES = 2 ** 16;

function keepSpare(memory: Buffer): void {
  if (memory.length >= SPARE_LEAST_BYTES && spares.length < SPARES_MOST) spares.push(memory);
}

/**
 * The results and logs of all attempts in a handful of append-only files. One writer per directory.
 *
 * Order with the database: `append` …, `flush`, then the transaction that names the places and
 * `durableEnd`. What was flushed but never committed is cut off by the next `open`.
 */
export class SegmentStore {
  readonly directory: string;
  readonly #segmentBytes: number;
  readonly #large: LargeLane;
  readonly #reader: SegmentReader;
  /** End of what is on disk, and of what was appended in memory behind it. */
  #durable: DurableEnd;
  #tail: DurableEnd;
  #runs: Run[] = [];
  #fd: number | null = null;
  #fdSegment = 0;
  #isFlushing = false;
  /** Whether the file of `#fd` may be new, and its entry not durable yet. */
  #isNew = false;

  private constructor(directory: string, end: DurableEnd, large: LargeLane, segmentBytes: number) {
    this.directory = directory;
    this.#segmentBytes = segmentBytes;
    this.#large = large;
    this.#reader = new SegmentReader(directory);
    this.#durable = end;
    this.#tail = end;
  }

  /**
   * Opens `directory`, made when it does not exist. `durableEnd` is what the last committed
   * transaction stored, null before the first. Errors: `RESULTS_SEGMENT_MISSING`,
   * `RESULTS_SEGMENT_SHORT`, `RESULTS_SEGMENTS_UNKNOWN`.
   */
  static open(
    directory: string,
    durableEnd: DurableEnd | null,
    options: { readonly segmentBytes?: number } = {},
  ): SegmentStore {
    const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    const end = recoverSmallLane(directory, durableEnd);
    const large = new LargeLane(directory, recoverLargeLane(directory), segmentBytes);
    return new SegmentStore(directory, end, large, segmentBytes);
  }

  /** Where the durable records end. */
  get durableEnd(): DurableEnd {
    return this.#durable;
  }

  /** Where those end that a `flush` begun now makes durable: belongs into the transaction after it. */
  get end(): DurableEnd {
    return this.#tail;
  }

  /** Whether `flush` has anything to write. */
  get isPending(): boolean {
    return this.#runs.length > 0;
  }

  /** Bytes that `flush` would write; callers flush before this grows large. */
  get pendingBytes(): number {
    const encoded = (run: Run): number => run.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    return this.#runs.reduce((sum, run) => sum + run.batch.bytes + encoded(run), 0);
  }

  /**
   * Takes a small record into memory and says where it will lie. It is neither readable nor
   * durable before the next `flush`.
   */
  append(input: RecordInput): RecordPlace {
    if (this.#tail.bytes >= this.#segmentBytes) {
      this.#tail = { segment: this.#tail.segment + 2, bytes: 0 };
    }
    const { segment, bytes: offset } = this.#tail;
    let run = this.#runs.at(-1);
    if (run?.segment !== segment) {
      run = { segment, offset, batch: new RecordBatch(spares.pop()), chunks: [] };
      this.#runs.push(run);
    }
    const bytes = run.batch.add(input);
    this.#tail = { segment, bytes: offset + bytes };
    return { segment, offset, bytes };
  }

  /**
   * Writes everything appended, before it returns, and resolves when that is durable; what is
   * appended meanwhile waits for the next flush, which must not begin before. On an error
   * (`RESULTS_DISK_FULL`, `RESULTS_WRITE_FAILED`) nothing of it is on disk, but all of it is kept
   * and its places hold: the next flush tries again.
   */
  async flush(): Promise<void> {
    const runs = this.#runs;
    if (runs.length === 0) return;
    const end = this.#tail;
    this.#runs = [];
    this.#isFlushing = true;
    try {
      for (const run of runs) this.#write(run);
      const { segment, batch } = runs.at(-1)!;
      keepSpare(batch.giveBack());
      await this.#sync(segment, end);
    } catch (error) {
      this.#runs = [...runs, ...this.#runs];
      this.#cutBack(runs);
      throw error;
    } finally {
      this.#isFlushing = false;
    }
    this.#durable = end;
  }

  #write(run: Run): void {
    const file = segmentPath(this.directory, run.segment);
    let at = run.offset;
    try {
      const fd = this.#descriptor(run.segment);
      run.chunks.push(...run.batch.take());
      for (const chunk of run.chunks) {
        let done = 0;
        while (done < chunk.length) {
          done += writeSync(fd, chunk, done, chunk.length - done, at + done);
        }
        at += chunk.length;
      }
    } catch (error) {
      throw writeError(file, at, error);
    }
  }

  /** Off this thread, which has others to answer: a disk may take milliseconds, or seconds. */
  async #sync(segment: number, end: DurableEnd): Promise<void> {
    try {
      const synced = datasync(this.#descriptor(segment));
      // All at once, for none needs another; the descriptor must not be closed before the last.
      await allDone([synced, ...(this.#isNew ? [syncCreated(this.directory)] : [])]);
      this.#isNew = false;
    } catch (error) {
      throw writeError(segmentPath(this.directory, segment), end.bytes, error);
    }
  }

  #descriptor(segment: number): number {
    if (this.#fd !== null && this.#fdSegment === segment) return this.#fd;
    if (this.#fd !== null) fdatasyncSync(this.#fd); // the end of a segment that is full
    this.#closeDescriptor();
    const path = segmentPath(this.directory, segment);
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#fdSegment = segment;
    this.#isNew = true;
    return this.#fd;
  }

  /** Nothing is expected to come any more: it keeps no file open. What comes nevertheless opens it. */
  rest(): void {
    if (!this.#isFlushing && !this.isPending) this.#closeDescriptor();
  }

  #closeDescriptor(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  /** A torn tail frees its blocks at once: the disk may be full because of it. */
  #cutBack(runs: readonly Run[]): void {
    this.#closeDescriptor();
    for (const { segment, offset } of runs) {
      const path = segmentPath(this.directory, segment);
      try {
        if (offset === 0) unlinkSync(path);
        else truncateSegment(path, offset);
      } catch {
        // Not there, or a disk that fails altogether: the next `open` cuts at the durable end, and
        // the next flush writes over it from the same offset.
      }
    }
  }

  /**
   * Copies a record with spooled parts into the large lane; memory stays constant. Durable when it
   * resolves; the spool files are left to the caller. Errors: `RESULTS_DISK_FULL`,
   * `RESULTS_WRITE_FAILED`, `RESULTS_SPOOL_CHANGED`; nothing of the record is kept then.
   */
  appendLarge(input: LargeRecordInput): Promise<RecordPlace> {
    return this.#large.append(input);
  }

  /** Reads a flushed record. Errors: `RESULTS_RECORD_CORRUPT`, `RESULTS_SEGMENT_MISSING`. */
  async read(place: RecordPlace): Promise<StoredRecord> {
    return await this.#reader.read(place);
  }

  /** A reader for long runs of ascending places: it reads ahead in large blocks. Close it. */
  reader(): SegmentReader {
    return new SegmentReader(this.directory, { readAhead: true });
  }

  /** Reads every durable record and yields what is wrong with any. */
  verifyAll(): Generator<Finding> {
    return verifySegments(this.directory, { small: this.#durable, large: this.#large.end });
  }

  /** Flushes, waits for copies under way and closes all files. */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#large.close();
      this.#reader.close();
      this.#closeDescriptor();
    }
  }
}
