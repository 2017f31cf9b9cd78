/** The source that follows a trap file. Its place in the file survives restarts. */
import { formatBytes, pause } from '#base';
import type { SafeFiles } from '../../files/safe-files.ts';
import type { TailCursor, TailRead } from '../../files/tail.ts';
import { Malformed } from '../json-report.ts';
import { Lines } from '../lines.ts';
import type { OwnTroubles } from '../own-troubles.ts';
import type { RunningSource, TrapSink } from '../port.ts';
import { readTrapLine } from './line.ts';

export interface TrapFileOptions {
  /** Absolute. */
  readonly path: string;
  readonly pollMs: number;
  readonly files: SafeFiles;
  readonly sink: TrapSink;
  /** For traps about the reading itself. */
  readonly own: OwnTroubles;
  /** Where an earlier life stopped; null: from the beginning. */
  readonly cursor: string | null;
  readonly setCursor: (cursor: string) => void;
  /** Traps have been taken in. */
  readonly onTaken: () => void;
  /** What is wrong with a line is for the log; rarely, because there may be many. */
  readonly onProblem: (problem: string) => void;
}

const READ_BYTES = 4 << 20;
const LINE_BYTES = 256 << 10;
/** With so much unread a trap says so; below half of it the trap is over. */
const BEHIND_BYTES = 64 << 20;

export class TrapFile implements RunningSource {
  readonly #options: TrapFileOptions;
  readonly #lines: Lines;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #cursor: TailCursor | null;
  #saved: string | null;
  #lineNumber = 0;
  #isBehind = false;
  #trouble: string | null = null;
  #hasLooked = false;

  constructor(options: TrapFileOptions) {
    this.#options = options;
    this.#saved = options.cursor;
    this.#cursor = cursorOf(options.cursor);
    this.#lines = new Lines(LINE_BYTES, (line) => this.#take(line));
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const hasMore = await this.#read();
      await pause(hasMore ? 0 : this.#options.pollMs, signal);
    }
  }

  /** True when there is more to read at once. */
  async #read(): Promise<boolean> {
    const { path, files, onTaken } = this.#options;
    const read = await files.tail(path, this.#cursor, READ_BYTES);
    for (const { bytes, isNewFile } of read.pieces) {
      if (isNewFile) this.#newFile();
      this.#lines.push(bytes);
    }
    this.#cursor = read.cursor;
    this.#sayBehind(read.behindBytes);
    this.#sayTrouble(read.trouble);
    this.#sayWhereNone(read.trouble);
    if (read.pieces.length === 0) return false;
    this.#save();
    onTaken();
    return read.behindBytes > 0;
  }

  /** The last line of a file may lack its end. */
  #newFile(): void {
    this.#lines.end();
    this.#lineNumber = 0;
  }

  /** The beginning of an unfinished line is read again after a restart. */
  #save(): void {
    if (this.#cursor === null || this.#lines.pendingBytes > 0) return;
    const text = JSON.stringify(this.#cursor);
    if (text !== this.#saved) this.#options.setCursor(text);
    this.#saved = text;
  }

  #take(line: string): void {
    this.#lineNumber++;
    const { sink, onProblem, path } = this.#options;
    const report = readTrapLine(line);
    if (report === null) return;
    if (!(report instanceof Malformed)) sink.accept(report);
    else {
      sink.refuse('malformed');
      onProblem(`${path}:${this.#lineNumber}: ${report.problem}`);
    }
  }

  #sayBehind(bytes: number): void {
    const isBehind = bytes > (this.#isBehind ? BEHIND_BYTES / 2 : BEHIND_BYTES);
    if (isBehind === this.#isBehind) return;
    this.#isBehind = isBehind;
    const { path } = this.#options;
    const message = isBehind
      ? `${path}: ${formatBytes(bytes)} are not read yet`
      : `${path}: reading has caught up`;
    this.#say('behind', isBehind, message);
  }

  /** A file that is not there may come; that is no trouble. */
  #sayTrouble(found: TailRead['trouble']): void {
    const trouble =
      found === null || found.kind === 'missing'
        ? null
        : found.kind === 'stuck'
          ? 'reading it does not come back'
          : `it cannot be read: ${found.reason}`;
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    const { path } = this.#options;
    this.#say('unreadable', trouble !== null, `${path}: ${trouble ?? 'it is read again'}`);
  }

  /** Once, to whoever has just started it: the path may be wrong. */
  #sayWhereNone(found: TailRead['trouble']): void {
    const { path, onProblem } = this.#options;
    if (!this.#hasLooked && found?.kind === 'missing')
      onProblem(`${path} is not there; it is followed as soon as it is`);
    this.#hasLooked = true;
  }

  #say(what: string, isRaised: boolean, message: string): void {
    const { own, path, onTaken } = this.#options;
    own.tell(isRaised ? 1 : 0, `trap file ${what} ${path}`, message);
    onTaken();
  }
}

function cursorOf(text: string | null): TailCursor | null {
  if (text === null) return null;
  try {
    const { device, inode, offset, known } = JSON.parse(text);
    const isRight =
      [device, inode, offset].every(Number.isSafeInteger) && typeof known === 'string';
    return isRight ? { device, inode, offset, known } : null;
  } catch {
    return null;
  }
}
