/**
 * The block format: results one behind the other, each preceded by one line that says whose it is,
 * framed by length so that any content is safe:
 *
 *   #windrow ticket=48213 task=17 length=12 {"parameters":{"beta":"0.44"},"file":"out.dat"}
 *   …12 bytes…
 *
 * and a newline after the content that `length` does not count. `file` is the name inside the
 * attempt's directory; further keys may be added and are to be ignored.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import type { TaskIndex, Ticket } from '#model';
import { resultsErrors } from './errors.ts';
import { readAt } from './segment-files.ts';

/** A parameter may hold a whole input deck; nothing sensible is longer than this. */
const MAX_HEADER_BYTES = 64 * 2 ** 20;
const PIECE_BYTES = 2 ** 20;
const FIRST_READ_BYTES = 64 * 1024;
const NEWLINE = 10;

export interface BlockFacts {
  readonly ticket: Ticket;
  readonly task: TaskIndex;
  readonly parameters: Readonly<Record<string, string>>;
  readonly file: string;
  /** Only in quarantine: whose result it is, since one file holds all of them. */
  readonly name?: string;
}

export interface Block extends BlockFacts {
  readonly bytes: number;
  /** The content in pieces; may be left unread, and read as long as the iteration goes on. */
  pieces(): Generator<Buffer>;
}

/** The header line of a block, newline included. */
export function blockHeader(facts: BlockFacts, bytes: number): string {
  const { ticket, task, ...rest } = facts;
  return `#windrow ticket=${ticket} task=${task} length=${bytes} ${JSON.stringify(rest)}\n`;
}

/** Columns and cells as the object that headers, validators and collectors get. */
export function parametersOf(
  columns: readonly string[],
  cells: readonly string[],
): Record<string, string> {
  // Without a prototype: a column may be called `__proto__`.
  const parameters: Record<string, string> = Object.create(null);
  for (const [index, column] of columns.entries()) parameters[column] = cells[index] ?? '';
  return parameters;
}

/**
 * Reads a block file from its beginning; memory does not depend on its size. Error:
 * `BLOCKS_DAMAGED` with the byte at which it is no block file any more.
 */
export function* readBlocks(path: string): Generator<Block> {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    let offset = 0;
    while (offset < size) {
      const line = headerLine(fd, path, offset);
      const { facts, length } = parseHeader(line, path, offset);
      const start = offset + line.length + 1;
      requireContent(fd, path, start, length, size);
      yield { ...facts, bytes: length, pieces: () => pieces(fd, start, length) };
      offset = start + length + 1;
    }
  } finally {
    closeSync(fd);
  }
}

function damaged(file: string, offset: number, reason: string) {
  return resultsErrors.create('BLOCKS_DAMAGED', { file, offset, reason });
}

function headerLine(fd: number, path: string, offset: number): Buffer {
  for (let bytes = FIRST_READ_BYTES; ; bytes *= 8) {
    const read = readAt(fd, offset, bytes);
    const newline = read.indexOf(NEWLINE);
    if (newline >= 0) return read.subarray(0, newline);
    if (read.length < bytes || bytes >= MAX_HEADER_BYTES) {
      throw damaged(path, offset, 'no block header ends there');
    }
  }
}

function parseHeader(
  line: Buffer,
  path: string,
  offset: number,
): { facts: BlockFacts; length: number } {
  const text = line.toString();
  const match = /^#windrow ticket=(\d{1,16}) task=(\d{1,16}) length=(\d{1,16}) (\{.*\})$/s.exec(
    text,
  );
  if (!match) throw damaged(path, offset, 'no block header');
  const [ticket, task, length] = match.slice(1, 4).map(Number) as [number, number, number];
  const rest = parseRest(match[4]!);
  if (!rest) throw damaged(path, offset, 'its block header is not valid');
  return { facts: { ticket, task, ...rest }, length };
}

function parseRest(json: string): Pick<BlockFacts, 'parameters' | 'file' | 'name'> | null {
  try {
    const { parameters, file, name } = JSON.parse(json) as Record<string, unknown>;
    if (typeof parameters !== 'object' || parameters === null || typeof file !== 'string')
      return null;
    const facts = { parameters: parameters as Record<string, string>, file };
    return typeof name === 'string' ? { ...facts, name } : facts;
  } catch {
    return null;
  }
}

function requireContent(
  fd: number,
  path: string,
  start: number,
  length: number,
  size: number,
): void {
  if (start + length + 1 > size) throw damaged(path, size, 'it ends inside a block');
  if (readAt(fd, start + length, 1)[0] !== NEWLINE) {
    throw damaged(path, start + length, 'a block does not end where its header says');
  }
}

function* pieces(fd: number, start: number, length: number): Generator<Buffer> {
  for (let at = 0; at < length; at += PIECE_BYTES) {
    yield readAt(fd, start + at, Math.min(PIECE_BYTES, length - at));
  }
}
