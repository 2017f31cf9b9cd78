/** The requests of the chirp protocol, each with what it takes and what it answers. */
import { closeSync, readSync, writeSync } from 'node:fs';
import type { TaskAttributes } from './attributes.ts';
import { ChirpFault, CODES } from './codes.ts';
import { type ChirpFiles, PIECE_BYTES } from './files.ts';
import type { LineReader } from './line-reader.ts';

export interface ChirpAnswer {
  readonly code: number;
  /** Behind the line with the code. */
  readonly data?: Buffer | AsyncIterable<Buffer>;
}

export interface ChirpSession {
  readonly isIo: boolean;
  readonly files: () => ChirpFiles;
  readonly attributes: TaskAttributes;
  readonly reader: LineReader;
  /** Sends a line before the answer. */
  readonly say: (code: number) => void;
}

type Request = (
  words: readonly string[],
  session: ChirpSession,
) => ChirpAnswer | Promise<ChirpAnswer>;

const VERSION = 2;
const OK: ChirpAnswer = { code: 0 };

/** Attributes and what asks for no more than an answer; the others only where files were asked for. */
const OPEN_TO_ALL = new Set(['version', 'set_job_attr_delayed', 'get_job_attr_delayed', 'whoami']);

export async function answerTo(
  words: readonly string[],
  session: ChirpSession,
): Promise<ChirpAnswer> {
  const [name = '', ...rest] = words;
  const request = Object.hasOwn(REQUESTS, name) ? REQUESTS[name]! : null;
  if (!request) throw new ChirpFault(CODES.invalid);
  if (!session.isIo && !OPEN_TO_ALL.has(name)) throw new ChirpFault(CODES.notAuthorized);
  return await request(rest, session);
}

const REQUESTS: Readonly<Record<string, Request>> = {
  version: () => ({ code: VERSION }),
  whoami: ([length]) => textOf('windrow', whole(length)),
  whoareyou: ([_host, length]) => textOf('windrow', whole(length)),
  set_job_attr: async ([name, value], { attributes }) => {
    await attributes.set(word(name), word(value));
    return OK;
  },
  get_job_attr: async ([name], { attributes }) => textOf(await attributes.get(word(name))),
  set_job_attr_delayed: ([name, value], { attributes }) => {
    attributes.setDelayed(word(name), word(value));
    return OK;
  },
  get_job_attr_delayed: ([name], { attributes }) => textOf(attributes.getDelayed(word(name))),
  ulog: async (words, { attributes }) => {
    await attributes.remark(words.join(' '));
    return OK;
  },
  open: ([path, flags, mode], { files }) => ({
    code: files().open(word(path), word(flags), mode === undefined ? 0o644 : whole(mode)),
  }),
  close: ([fd], { files }) => done(files().close(whole(fd))),
  read: ([fd, length], { files }) => bytesOf(files().read(whole(fd), whole(length))),
  pread: ([fd, length, offset], { files }) =>
    bytesOf(files().read(whole(fd), whole(length), whole(offset))),
  sread: ([fd, length, offset, strideLength, strideSkip], { files }) => {
    const pieces = strides(whole(length), whole(offset), whole(strideLength), whole(strideSkip));
    return bytesOf(Buffer.concat(pieces.map(([count, at]) => files().read(whole(fd), count, at))));
  },
  write: async ([fd, length], { files, reader }) => {
    const bytes = await bodyOf(reader, whole(length));
    return { code: files().write(whole(fd), bytes) };
  },
  pwrite: async ([fd, length, offset], { files, reader }) => {
    const bytes = await bodyOf(reader, whole(length));
    return { code: files().write(whole(fd), bytes, whole(offset)) };
  },
  swrite: async ([fd, length, offset, strideLength, strideSkip], { files, reader }) => {
    const bytes = await bodyOf(reader, whole(length));
    let from = 0;
    for (const [count, at] of strides(
      bytes.length,
      whole(offset),
      whole(strideLength),
      whole(strideSkip),
    )) {
      files().write(whole(fd), bytes.subarray(from, from + count), at);
      from += count;
    }
    return { code: bytes.length };
  },
  lseek: ([fd, offset, whence], { files }) => ({
    code: files().seek(whole(fd), signed(offset), whole(whence)),
  }),
  fsync: ([fd], { files }) => done(files().sync(whole(fd))),
  fstat: ([fd], { files }) => lineOf(files().statOpen(whole(fd))),
  fstatfs: ([fd], { files }) => {
    files().statOpen(whole(fd));
    return lineOf(files().statFileSystem());
  },
  ftruncate: ([fd, length], { files }) => done(files().truncateOpen(whole(fd), whole(length))),
  fchmod: ([fd, mode], { files }) => done(files().changeModeOpen(whole(fd), whole(mode))),
  getfile: ([path], { files }) => {
    const { fd, bytes } = files().openToSend(word(path));
    return { code: bytes, data: piecesOf(fd, bytes) };
  },
  putfile: async ([path, mode, length], { files, reader, say }) => {
    const bytes = whole(length);
    const target = files().openToStore(word(path), whole(mode));
    say(0);
    const stored = await storeBody(reader, target.fd, bytes).catch((error: unknown) => {
      target.finish(false);
      throw error;
    });
    target.finish(stored === bytes);
    return { code: stored };
  },
  getdir: ([path], { files }) => textOf(files().list(word(path), false)),
  getlongdir: ([path], { files }) => textOf(files().list(word(path), true)),
  unlink: ([path], { files }) => done(files().unlink(word(path))),
  rename: ([from, to], { files }) => done(files().rename(word(from), word(to))),
  mkdir: ([path, mode], { files }) =>
    done(files().makeFolder(word(path), mode === undefined ? 0o755 : whole(mode))),
  rmdir: ([path], { files }) => done(files().removeFolder(word(path))),
  rmall: async ([path], { files }) => done(await files().removeAll(word(path))),
  link: ([from, to], { files }) => done(files().link(word(from), word(to))),
  symlink: ([target, path], { files }) => done(files().symlink(word(target), word(path))),
  readlink: ([path, length], { files }) =>
    textOf(files().readlink(word(path)), whole(length ?? '4096')),
  stat: ([path], { files }) => lineOf(files().stat(word(path))),
  lstat: ([path], { files }) => lineOf(files().stat(word(path))),
  statfs: (_words, { files }) => lineOf(files().statFileSystem()),
  access: ([path, mode], { files }) => done(files().access(word(path), whole(mode))),
  chmod: ([path, mode], { files }) => done(files().changeMode(word(path), whole(mode))),
  truncate: ([path, length], { files }) => done(files().truncate(word(path), whole(length))),
  utime: ([path, accessed, modified], { files }) =>
    done(files().touch(word(path), whole(accessed), whole(modified))),
};

function word(text: string | undefined): string {
  if (text === undefined || text === '') throw new ChirpFault(CODES.invalid);
  return text;
}

function whole(text: string | undefined): number {
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw new ChirpFault(CODES.invalid);
  return Number(text);
}

function signed(text: string | undefined): number {
  return text?.startsWith('-') ? -whole(text.slice(1)) : whole(text);
}

function done(_: unknown): ChirpAnswer {
  return OK;
}

function bytesOf(data: Buffer): ChirpAnswer {
  return { code: data.length, data };
}

function textOf(text: string, mostBytes = Number.MAX_SAFE_INTEGER): ChirpAnswer {
  return bytesOf(Buffer.from(text).subarray(0, mostBytes));
}

/** Of fixed form: the line follows the code 0. */
function lineOf(line: string): ChirpAnswer {
  return { code: 0, data: Buffer.from(`${line}\n`) };
}

/** Parts of a strided transfer: `[bytes, offset]` each. */
function strides(length: number, offset: number, each: number, skip: number): [number, number][] {
  if (each === 0 || length > PIECE_BYTES || length / each > 10_000)
    throw new ChirpFault(CODES.invalid);
  const parts: [number, number][] = [];
  for (let done = 0, at = offset; done < length; done += each, at += skip) {
    parts.push([Math.min(each, length - done), at]);
  }
  return parts;
}

async function bodyOf(reader: LineReader, length: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let isTooBig = length > PIECE_BYTES;
  // Also what is too big is read away, so that the next line is a line.
  for await (const piece of reader.bytes(length)) if (!isTooBig) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  isTooBig ||= bytes.length < length;
  if (isTooBig) throw new ChirpFault(CODES.tooBig);
  return bytes;
}

/** How many bytes came. */
async function storeBody(reader: LineReader, fd: number, length: number): Promise<number> {
  let fault: unknown;
  let stored = 0;
  for await (const piece of reader.bytes(length)) {
    try {
      for (let at = 0; fault === undefined && at < piece.length; ) at += writeSync(fd, piece, at);
    } catch (error) {
      fault = error;
    }
    stored += piece.length;
  }
  if (fault !== undefined) throw fault;
  return stored;
}

/** As many bytes as were promised, whatever happens to the file meanwhile. */
async function* piecesOf(fd: number, bytes: number): AsyncGenerator<Buffer> {
  try {
    for (let left = bytes; left > 0; ) {
      const piece = Buffer.alloc(Math.min(left, 1 << 16));
      const count = readSync(fd, piece, 0, piece.length, bytes - left);
      left -= piece.length;
      yield count === piece.length ? piece : piece.fill(0, count);
    }
  } finally {
    closeSync(fd);
  }
}
