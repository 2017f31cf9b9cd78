/**
 * Reading files of others: never more than asked for, never waiting for a writer, and every way to
 * fail an answer. Files of /proc have no size, so they are read to their end.
 */
import { closeSync, constants, fstatSync, opendirSync, openSync, readSync } from 'node:fs';
import { systemCodeOf } from '#base';

export type FileRead =
  /** `isCut`: there was more than was asked for. */
  | { readonly kind: 'read'; readonly bytes: Uint8Array; readonly isCut: boolean }
  /** It is not there, or was gone before it could be read. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** It does not come back; nobody tries it again until it does. */
  | { readonly kind: 'stuck' };

export type DirectoryList =
  | { readonly kind: 'listed'; readonly names: readonly string[] }
  | Exclude<FileRead, { kind: 'read' }>;

/** What a file or device that vanishes looks like, also in the middle of a read. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ESTALE', 'ESRCH']);
// Without O_NONBLOCK a FIFO would be waited for; without O_NOCTTY a terminal could become ours.
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const CHUNK_BYTES = 64 << 10;
/** For one read after another: a fresh one for each file is much work for the garbage collector. */
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);

export function readBounded(path: string, mostBytes: number): FileRead {
  let fd: number | undefined;
  try {
    fd = openSync(path, FLAGS);
    if (!fstatSync(fd).isFile()) return { kind: 'failed', reason: 'it is no regular file' };
    return readWhole(fd, mostBytes);
  } catch (error) {
    return failure(error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function readWhole(fd: number, mostBytes: number): FileRead {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  while (bytes <= mostBytes) {
    const got = readSync(fd, chunk, 0, Math.min(CHUNK_BYTES, mostBytes + 1 - bytes), null);
    if (got === 0) break;
    // Its own memory, and no more of it: what is sent to another thread is sent with all of its memory.
    pieces.push(new Uint8Array(chunk.subarray(0, got)));
    bytes += got;
  }
  const whole = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  return { kind: 'read', bytes: whole.subarray(0, mostBytes), isCut: bytes > mostBytes };
}

/** At most `most` names, in no order. */
export function listBounded(path: string, most: number): DirectoryList {
  try {
    const directory = opendirSync(path);
    try {
      const names: string[] = [];
      for (let entry = directory.readSync(); entry && names.length < most; ) {
        names.push(entry.name);
        entry = directory.readSync();
      }
      return { kind: 'listed', names };
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    return failure(error);
  }
}

/** Whether they say the same. */
export function isSameAnswer(a: FileRead | DirectoryList, b: FileRead | DirectoryList): boolean {
  if (a.kind === 'read' && b.kind === 'read')
    return a.isCut === b.isCut && Buffer.compare(a.bytes, b.bytes) === 0;
  if (a.kind === 'listed' && b.kind === 'listed')
    return a.names.length === b.names.length && a.names.every((name, i) => name === b.names[i]);
  if (a.kind === 'failed' && b.kind === 'failed') return a.reason === b.reason;
  return a.kind === b.kind;
}

export function failure(error: unknown): { kind: 'missing' } | { kind: 'failed'; reason: string } {
  const code = systemCodeOf(error);
  if (code !== undefined && GONE.has(code)) return { kind: 'missing' };
  return { kind: 'failed', reason: code ?? 'it cannot be read' };
}
