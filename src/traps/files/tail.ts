/**
 * Follows one file as it grows. What happens to log files, and what is done about it:
 *
 *   grows                         → the new bytes
 *   renamed, another in its place → the rest of the old one, for a while, then the new one
 *   renamed again before we looked→ those that came between, found beside, in the order they were made
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
/** Files that were renamed away and are not read to their end yet, or may still grow. */
const OLD_FILES_MOST = 8;
/** What is made of a file that was rotated away is not one of its kind. */
const PACKED = /\.(?:gz|bz2|xz|zst|lz4|lzma|z|zip|tmp|swp)$|~$/i;
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

interface OpenFile {
  readonly fd: number;
  readonly device: number;
  readonly inode: number;
  offset: number;
  known: Buffer;
  isBegun: boolean;
  /** When it was made. */
  readonly bornNs: bigint;
}

interface OldFile {
  readonly file: OpenFile;
  readsLeft: number;
}

type Piece = TailRead['pieces'][number];

export class Tail {
  readonly #path: string;
  #current: OpenFile | null = null;
  /** Those that were renamed away, oldest first, as long as they may still grow. */
  #old: OldFile[] = [];
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
    // The old files first and to their ends, so that lines come in their order.
    const unread = this.#readOld(pieces, mostBytes);
    const trouble = this.#current === null ? this.#absence : null;
    if (this.#current && unread === null) readMore(this.#current, pieces, mostBytes);
    const place = unread ?? this.#current ?? this.#old.at(-1)?.file;
    if (place) this.#cursor = cursorOf(place);
    return { pieces, cursor: this.#cursor, behindBytes: this.#behind(), trouble };
  }

  /** Opens what is at the path now; what was there before is finished first. */
  #turnTo(there: Stats | undefined): void {
    this.#absence = { kind: 'missing' };
    const current = this.#current;
    if (current && there?.ino === current.inode && there.dev === current.device) return;
    if (current) {
      this.#old.push({ file: current, readsLeft: OLD_FILE_READS });
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
    if (cursor && this.#old.length === 0) {
      if (isSame(file, cursor)) goTo(file, cursor);
      else this.#old.push(...this.#renamed(cursor));
    }
    const last = this.#old.at(-1)?.file;
    if (last) this.#old.push(...this.#between(last, file));
    for (const { file } of this.#old.splice(0, this.#old.length - OLD_FILES_MOST)) {
      closeSync(file.fd);
    }
    this.#current = file;
  }

  /** Files beside that were made after the one and before the other, oldest first. */
  #between(earlier: OpenFile, later: OpenFile): OldFile[] {
    const found: OldFile[] = [];
    for (const path of this.#beside()) {
      const file = openRegular(path);
      if (!file) continue;
      const isNew = file.bornNs > earlier.bornNs && file.bornNs < later.bornNs;
      if (isNew && !isAlike(file, earlier)) found.push({ file, readsLeft: 1 });
      else closeSync(file.fd);
    }
    return found.sort((a, b) => (a.file.bornNs < b.file.bornNs ? -1 : 1));
  }

  #beside(): string[] {
    const [directory, name] = [dirname(this.#path), basename(this.#path)];
    return readdirSync(directory)
      .filter((one) => one.startsWith(name) && one !== name && !PACKED.test(one))
      .map((one) => join(directory, one));
  }

  /** The file that was read before a restart and was renamed since, if it still lies beside. */
  #renamed(cursor: TailCursor): OldFile[] {
    for (const path of this.#beside()) {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (!stats?.isFile() || stats.ino !== cursor.inode || stats.dev !== cursor.device) continue;
      const file = open(path);
      goTo(file, cursor);
      return [{ file, readsLeft: 1 }];
    }
    return [];
  }

  /** The first that is not read to its end, or null. */
  #readOld(pieces: Piece[], mostBytes: number): OpenFile | null {
    for (const { file } of this.#old) {
      readMore(file, pieces, mostBytes);
      if (file.offset < fstatSync(file.fd).size) return file;
    }
    // While the file of this name is missing the old ones are all there is.
    if (this.#current === null || pieces.length > 0) return null;
    this.#old = this.#old.filter((old) => {
      if (--old.readsLeft > 0) return true;
      closeSync(old.file.fd);
      return false;
    });
    return null;
  }

  #behind(): number {
    const files = [...this.#old.map(({ file }) => file), this.#current].filter(
      (one) => one !== null,
    );
    return files.reduce((sum, { fd, offset }) => sum + Math.max(0, fstatSync(fd).size - offset), 0);
  }
}

function open(path: string): OpenFile {
  const fd = openSync(path, FLAGS);
  const { dev: device, ino: inode } = fstatSync(fd);
  const { birthtimeNs: bornNs } = fstatSync(fd, { bigint: true });
  return { fd, device, inode, offset: 0, known: Buffer.alloc(0), isBegun: false, bornNs };
}

/** Null where it is none, or gone by now. */
function openRegular(path: string): OpenFile | null {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return null;
  try {
    return open(path);
  } catch {
    return null;
  }
}

/** Whether both begin with the same bytes: one is a copy of the other. */
function isAlike(a: OpenFile, b: OpenFile): boolean {
  const [one, other] = [a, b].map(({ fd }) => {
    const bytes = Buffer.alloc(KNOWN_BYTES);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  });
  return one!.length > 0 && one!.equals(other!);
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
