/**
 * Follows one file as it grows. What happens to log files, and what is done about it:
 *
 *   grows                         → the new bytes
 *   renamed, another in its place → the rest of the old one, for a while, then the new one
 *   copied away and cut to nothing→ from the beginning, also when it has grown past our place since:
 *                                   the bytes before our place are remembered and compared
 *   gone                          → the rest of the old one; another may come
 *
 * Used in a thread of its own; everything here may hang.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type FileRead, failure } from './bounded-read.ts';

/** Where the reading of a file stands; survives restarts. */
export interface TailCursor {
  readonly device: number;
  readonly inode: number;
  readonly offset: number;
  /** The bytes before `offset`, at most `KNOWN_BYTES`, in base64. */
  readonly known: string;
}

export interface TailRead {
  /** New bytes in order; `isNewFile`: they are the first of a file, what came before has ended. */
  readonly pieces: readonly { readonly bytes: Uint8Array; readonly isNewFile: boolean }[];
  readonly cursor: TailCursor | null;
  /** Bytes that are there and were not read yet. */
  readonly behindBytes: number;
  /** Why there is nothing; null while the file is read. */
  readonly trouble: Exclude<FileRead, { kind: 'read' }> | null;
}

const KNOWN_BYTES = 64;
/** Writers go on with a renamed file until they are told of the new one. */
const OLD_FILE_READS = 20;
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

interface OpenFile {
  readonly fd: number;
  readonly device: number;
  readonly inode: number;
  offset: number;
  known: Buffer;
  isBegun: boolean;
}

interface OldFile {
  readonly file: OpenFile;
  readsLeft: number;
}

type Piece = TailRead['pieces'][number];

export class Tail {
  readonly #path: string;
  #current: OpenFile | null = null;
  /** One that was renamed away, as long as it may still grow. */
  #old: OldFile | null = null;
  #cursor: TailCursor | null;
  /** Why there is no current file. */
  #absence: ReturnType<typeof failure> = { kind: 'missing' };

  constructor(path: string, cursor: TailCursor | null) {
    this.#path = path;
    this.#cursor = cursor;
  }

  read(mostBytes: number): TailRead {
    try {
      return this.#read(mostBytes);
    } catch (error) {
      return { pieces: [], cursor: this.#cursor, behindBytes: 0, trouble: failure(error) };
    }
  }

  #read(mostBytes: number): TailRead {
    const pieces: Piece[] = [];
    this.#turnTo(statSync(this.#path, { throwIfNoEntry: false }));
    // The old file first and to its end, so that lines come in their order.
    const isOldRead = this.#old === null || this.#readOld(this.#old, pieces, mostBytes);
    const trouble = this.#current === null ? this.#absence : null;
    if (this.#current && isOldRead) readMore(this.#current, pieces, mostBytes);
    this.#cursor = this.#current ? cursorOf(this.#current) : this.#cursor;
    return { pieces, cursor: this.#cursor, behindBytes: this.#behind(), trouble };
  }

  /** Opens what is at the path now; what was there before is finished first. */
  #turnTo(there: Stats | undefined): void {
    this.#absence = { kind: 'missing' };
    const current = this.#current;
    if (current && there?.ino === current.inode && there.dev === current.device) return;
    if (current) {
      if (this.#old) closeSync(this.#old.file.fd);
      this.#old = { file: current, readsLeft: OLD_FILE_READS };
      this.#current = null;
    }
    if (!there) return;
    if (!there.isFile()) {
      this.#absence = { kind: 'failed', reason: 'it is no regular file' };
      return;
    }
    this.#begin();
  }

  #begin(): void {
    const file = open(this.#path);
    const cursor = this.#cursor;
    if (cursor && !this.#old) {
      if (isSame(file, cursor)) goTo(file, cursor);
      else this.#old = this.#renamed(cursor);
    }
    this.#current = file;
  }

  /** The file that was read before a restart and was renamed since, if it still lies beside. */
  #renamed(cursor: TailCursor): OldFile | null {
    const directory = dirname(this.#path);
    const beside = readdirSync(directory).filter((name) => name.startsWith(basename(this.#path)));
    for (const name of beside) {
      const path = join(directory, name);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (!stats?.isFile() || stats.ino !== cursor.inode || stats.dev !== cursor.device) continue;
      const file = open(path);
      goTo(file, cursor);
      return { file, readsLeft: 1 };
    }
    return null;
  }

  /** True when it is read to its end. */
  #readOld(old: OldFile, pieces: Piece[], mostBytes: number): boolean {
    readMore(old.file, pieces, mostBytes);
    if (old.file.offset < fstatSync(old.file.fd).size) return false;
    // While the file of this name is missing the old one is the only one there is.
    if (this.#current !== null && pieces.length === 0) old.readsLeft--;
    if (old.readsLeft <= 0) {
      closeSync(old.file.fd);
      this.#old = null;
    }
    return true;
  }

  #behind(): number {
    const files = [this.#old?.file, this.#current].filter((file) => file != null);
    return files.reduce((sum, { fd, offset }) => sum + Math.max(0, fstatSync(fd).size - offset), 0);
  }
}

function open(path: string): OpenFile {
  const fd = openSync(path, FLAGS);
  const { dev: device, ino: inode } = fstatSync(fd);
  return { fd, device, inode, offset: 0, known: Buffer.alloc(0), isBegun: false };
}

function isSame(file: OpenFile, cursor: TailCursor): boolean {
  return file.inode === cursor.inode && file.device === cursor.device;
}

function goTo(file: OpenFile, cursor: TailCursor): void {
  file.offset = cursor.offset;
  file.known = Buffer.from(cursor.known, 'base64');
  file.isBegun = cursor.offset > 0;
}

function cursorOf({ device, inode, offset, known }: OpenFile): TailCursor {
  return { device, inode, offset, known: known.toString('base64') };
}

function readMore(file: OpenFile, pieces: Piece[], mostBytes: number): void {
  const { size } = fstatSync(file.fd);
  if (size < file.offset || !isKnown(file)) {
    file.offset = 0;
    file.known = Buffer.alloc(0);
    file.isBegun = false;
  }
  const bytes = Buffer.alloc(Math.min(mostBytes, Math.max(0, size - file.offset)));
  const got = bytes.length === 0 ? 0 : readSync(file.fd, bytes, 0, bytes.length, file.offset);
  if (got === 0) return;
  const fresh = bytes.subarray(0, got);
  file.offset += got;
  file.known = Buffer.from(
    Buffer.concat([file.known, fresh.subarray(-KNOWN_BYTES)]).subarray(-KNOWN_BYTES),
  );
  pieces.push({ bytes: fresh, isNewFile: !file.isBegun });
  file.isBegun = true;
}

/** Whether the bytes before our place are those that were read there. */
function isKnown({ fd, offset, known }: OpenFile): boolean {
  if (known.length === 0) return true;
  const there = Buffer.alloc(known.length);
  const got = readSync(fd, there, 0, there.length, offset - known.length);
  return got === known.length && there.equals(known);
}
