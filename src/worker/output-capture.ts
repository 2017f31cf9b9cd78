import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { systemCodeOf } from '#base';
import { GrowingBytes, HeadAndTail } from './bounded-bytes.ts';
import { LastLine } from './last-line.ts';

/** A whole stream is kept in memory up to this, then moved to its spill file. */
const MEMORY_BYTES = 64 * 1024;

export interface CaptureRequest {
  /** Most bytes kept as a log; 0 keeps none. */
  readonly logBytes: number;
  /** Set when the stream is a result, so that all of it is wanted. */
  readonly whole: null | {
    /** Absolute path for a stream too large for memory; must not exist, made mode 0600. */
    readonly spillPath: string;
    readonly limitBytes: number;
  };
}

/**
 * All of a stream. A file is the caller's from then on, unless `dispose` is called. `failed` says
 * why there is none: `limit` (more than `limitBytes`) or `spill` (the file could not be written).
 */
export type WholeStream =
  | { readonly kind: 'memory'; readonly bytes: Buffer }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly bytes: number;
      /** Lower-case hex. */
      readonly sha256: string;
    }
  | { readonly kind: 'failed'; readonly why: 'limit' | 'spill'; readonly code: string | undefined };

export interface Captured {
  /**
   * The log. When `cutBytes` > 0 they are missing at the middle, after `floor(log.length / 2)`
   * bytes; whoever shows it puts the mark `[… N bytes cut …]` there.
   */
  readonly log: Buffer;
  readonly cutBytes: number;
  readonly whole: WholeStream | null;
  /** Last line that shows anything, at most 500 characters, without control characters; or `''`. */
  readonly lastLine: string;
  readonly totalBytes: number;
}

/** Takes one stream of a running program; memory is bounded by the request. */
export class OutputCapture {
  readonly #log: HeadAndTail;
  readonly #whole: WholeCapture | null;
  readonly #lastLine = new LastLine();
  #totalBytes = 0;

  constructor(request: CaptureRequest) {
    this.#log = new HeadAndTail(request.logBytes);
    this.#whole = request.whole ? new WholeCapture(request.whole) : null;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Takes the next piece; it is kept, so the caller must not write into it again. */
  write(bytes: Buffer): void {
    this.#totalBytes += bytes.length;
    this.#log.add(bytes);
    this.#whole?.add(bytes);
    this.#lastLine.add(bytes);
  }

  /** Ends the stream. Call once, after the last `write`. */
  end(): Captured {
    const { bytes, cutBytes } = this.#log.take();
    const whole = this.#whole?.end() ?? null;
    const lastLine = this.#lastLine.text();
    return { log: bytes, cutBytes, whole, lastLine, totalBytes: this.#totalBytes };
  }

  /** Closes and removes the spill file, at any time, repeatable. */
  dispose(): void {
    this.#whole?.dispose();
  }
}

class WholeCapture {
  readonly #path: string;
  readonly #limitBytes: number;
  readonly #memory = new GrowingBytes();
  #bytes = 0;
  #fd: number | null = null;
  #spilled = false;
  #hash: Hash | null = null;
  #failed: { why: 'limit' | 'spill'; code: string | undefined } | null = null;

  constructor(request: NonNullable<CaptureRequest['whole']>) {
    this.#path = request.spillPath;
    this.#limitBytes = request.limitBytes;
  }

  add(bytes: Buffer): void {
    if (this.#failed) return;
    this.#bytes += bytes.length;
    if (this.#bytes > this.#limitBytes) {
      this.#fail('limit', undefined);
      return;
    }
    if (!this.#spilled && this.#bytes <= MEMORY_BYTES) this.#memory.add(bytes);
    else this.#spill(bytes);
  }

  #spill(bytes: Buffer): void {
    try {
      if (this.#fd === null) {
        this.#fd = openSync(this.#path, 'wx', 0o600);
        this.#spilled = true;
        this.#hash = createHash('sha256');
        this.#writeOut(this.#fd, this.#memory.take());
      }
      this.#writeOut(this.#fd, bytes);
    } catch (error) {
      this.#fail('spill', systemCodeOf(error));
    }
  }

  #writeOut(fd: number, bytes: Buffer): void {
    this.#hash?.update(bytes);
    let done = 0;
    while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done);
  }

  #fail(why: 'limit' | 'spill', code: string | undefined): void {
    this.#failed = { why, code };
    this.#memory.take();
    this.dispose();
  }

  end(): WholeStream {
    this.#close();
    if (this.#failed) return { kind: 'failed', ...this.#failed };
    if (!this.#spilled) return { kind: 'memory', bytes: this.#memory.take() };
    const sha256 = this.#hash!.digest('hex');
    return { kind: 'file', path: this.#path, bytes: this.#bytes, sha256 };
  }

  dispose(): void {
    this.#close();
    if (!this.#spilled) return;
    this.#spilled = false;
    try {
      unlinkSync(this.#path);
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw error;
    }
  }

  #close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}
