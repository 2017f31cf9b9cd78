import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { systemReasonOf } from '#base';
import { rowErrors, tableErrors } from '../errors.ts';
import { splitLines, splitRows } from './cells.ts';
import { SEPARATOR } from './format.ts';
import { readJsonRow } from './json-row.ts';
import type { TableIndex } from './table-index.ts';

type Row = readonly string[];

/** Parsed blocks that are kept; a block is 64 rows. */
const CACHED_BLOCKS = 64;
/** Blocks with more bytes than this are not kept after use. */
const CACHED_BLOCK_BYTES = 2 ** 18;
/** Read at once while rows are asked for in order. */
const AHEAD_BYTES = 2 ** 18;

/** Any row of an indexed table by its number: one read of about 64 rows, most often none. */
export class TableReader {
  readonly #fd: number;
  readonly #path: string;
  readonly #index: TableIndex;
  readonly #cache = new Map<number, readonly Row[]>();
  #ahead: Buffer = Buffer.alloc(0);
  #aheadStart = 0;
  #lastBlock = -1;
  #closed = false;

  private constructor(fd: number, path: string, index: TableIndex) {
    this.#fd = fd;
    this.#path = path;
    this.#index = index;
  }

  /** @throws TABLE_UNREADABLE, TABLE_CHANGED */
  static open(path: string, index: TableIndex): TableReader {
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (error) {
      const found = systemReasonOf(error);
      throw tableErrors.create('TABLE_UNREADABLE', { file: path, found });
    }
    const { size } = fstatSync(fd);
    if (size === index.bytes) return new TableReader(fd, path, index);
    closeSync(fd);
    throw tableErrors.create('TABLE_CHANGED', { file: path, found: size, expected: index.bytes });
  }

  get columns(): readonly string[] {
    return this.#index.columns;
  }

  get count(): number {
    return this.#index.rows;
  }

  /** The cells of row `number`, from 0. @throws ROW_OUT_OF_RANGE, TABLE_CHANGED */
  row(number: number): Row {
    if (!(number >= 0 && number < this.#index.rows && Number.isInteger(number))) {
      const facts = { found: number, expected: this.#index.rows - 1 };
      throw rowErrors.create('ROW_OUT_OF_RANGE', facts);
    }
    const { stride } = this.#index;
    const block = Math.floor(number / stride);
    return this.#block(block)[number - block * stride]!;
  }

  /** At most `count` rows from row `from`; fewer at the end of the table. */
  rows(from: number, count: number): Row[] {
    const end = Math.min(this.#index.rows, from + count);
    const { stride } = this.#index;
    const out: Row[] = [];
    for (let at = from; at < end; ) {
      const block = Math.floor(at / stride);
      const last = Math.min(end, (block + 1) * stride);
      const rows = this.#block(block);
      for (; at < last; at++) out.push(rows[at - block * stride]!);
    }
    return out;
  }

  /** Closes the file; safe to call again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cache.clear();
    closeSync(this.#fd);
  }

  #block(block: number): readonly Row[] {
    const cached = this.#cache.get(block);
    if (cached) return cached;
    const start = this.#index.offsets[block]!;
    const end = this.#index.offsets[block + 1]!;
    const rows = this.#parse(this.#bytes(block, start, end).toString('utf8'));
    const expected = Math.min(this.#index.stride, this.#index.rows - block * this.#index.stride);
    if (rows.length !== expected) throw this.#changed(rows.length, expected);
    this.#lastBlock = block;
    if (end - start <= CACHED_BLOCK_BYTES) this.#keep(block, rows);
    return rows;
  }

  #keep(block: number, rows: readonly Row[]): void {
    if (this.#cache.size >= CACHED_BLOCKS) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(block, rows);
  }

  #bytes(block: number, start: number, end: number): Buffer {
    const from = start - this.#aheadStart;
    if (from >= 0 && end - this.#aheadStart <= this.#ahead.length) {
      return this.#ahead.subarray(from, end - this.#aheadStart);
    }
    if (block !== this.#lastBlock + 1) return this.#read(start, end);
    const dataEnd = this.#index.offsets[this.#index.offsets.length - 1]!;
    this.#ahead = this.#read(start, Math.max(end, Math.min(dataEnd, start + AHEAD_BYTES)));
    this.#aheadStart = start;
    return this.#ahead.subarray(0, end - start);
  }

  #read(start: number, end: number): Buffer {
    const bytes = Buffer.allocUnsafe(end - start);
    let filled = 0;
    while (filled < bytes.length) {
      const got = readSync(this.#fd, bytes, filled, bytes.length - filled, start + filled);
      if (got === 0) throw this.#changed(start + filled, this.#index.bytes);
      filled += got;
    }
    return bytes;
  }

  #parse(text: string): Row[] {
    const { format } = this.#index;
    if (format === 'lines') return splitLines(text).map((line) => [line]);
    if (format !== 'jsonl') return splitRows(text, SEPARATOR[format]);
    return splitLines(text).map((line) => inOrder(readJsonRow(line), this.#index.columns));
  }

  #changed(found: number, expected: number): Error {
    return tableErrors.create('TABLE_CHANGED', { file: this.#path, found, expected });
  }
}

function inOrder({ keys, cells }: { keys: string[]; cells: string[] }, columns: Row): Row {
  if (keys.every((key, i) => key === columns[i])) return cells;
  return columns.map((column) => cells[keys.indexOf(column)]!);
}
