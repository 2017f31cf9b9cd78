import { messageOf } from '#base';
import { tableErrors } from '../errors.ts';
import { checkColumns } from './columns.ts';
import { MAX_CELL_BYTES, MAX_ROW_BYTES } from './format.ts';
import { type JsonRow, parseJsonRow } from './json-row.ts';
import { RowOffsets, type RowScanner } from './row-offsets.ts';

const LF = 10;
const CR = 13;

/** Cuts bytes into physical lines and keeps the one that is not complete yet. */
abstract class Lines implements RowScanner {
  protected readonly file: string;
  protected readonly rows: RowOffsets;
  readonly #limit: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #position: number;
  #line = 1;

  constructor(file: string, start: number, limit: number) {
    this.file = file;
    this.rows = new RowOffsets(file);
    this.#position = start;
    this.#limit = limit;
  }

  get line(): number {
    return this.#line;
  }

  scan(bytes: Buffer): void {
    let from = 0;
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, from)) {
      this.#finish(bytes.subarray(from, at), 1);
      from = at + 1;
    }
    if (from === bytes.length) return;
    this.#pending.push(Buffer.from(bytes.subarray(from)));
    this.#pendingBytes += bytes.length - from;
    this.#checkLength(this.#pendingBytes);
  }

  protected flush(): void {
    if (this.#pendingBytes > 0) this.#finish(Buffer.alloc(0), 0);
  }

  /** One line without its line end, and the offsets of its first byte and of the next line's. */
  protected abstract onLine(line: Buffer, start: number, next: number): void;
  protected abstract tooLong(): Error;
  abstract readonly columns: readonly string[] | undefined;
  abstract end(): { columns: readonly string[]; rows: number; offsets: Float64Array };

  #finish(rest: Buffer, lineEndBytes: number): void {
    const whole = this.#pendingBytes === 0 ? rest : Buffer.concat([...this.#pending, rest]);
    this.#pending = [];
    this.#pendingBytes = 0;
    const next = this.#position + whole.length + lineEndBytes;
    const withCr = whole[whole.length - 1] === CR && (lineEndBytes > 0 || whole.length === 1);
    const line = withCr ? whole.subarray(0, -1) : whole;
    this.#checkLength(line.length);
    this.onLine(line, this.#position, next);
    this.#position = next;
    this.#line += lineEndBytes;
  }

  #checkLength(bytes: number): void {
    if (bytes > this.#limit + 1) throw this.tooLong();
  }

  protected empty(expected: string): Error {
    return tableErrors.create('TABLE_EMPTY', { file: this.file, found: 'no row', expected });
  }
}

/** The rows of `lines`: every line is one, except blank ones at the end. */
export class PlainLines extends Lines {
  override readonly columns = ['line'];
  #filledRows = 0;
  #dataEnd = 0;

  constructor(file: string, start: number) {
    super(file, start, MAX_CELL_BYTES);
  }

  protected override onLine(line: Buffer, start: number, next: number): void {
    this.rows.add(start);
    if (line.length === 0) return;
    this.#filledRows = this.rows.rows;
    this.#dataEnd = next;
  }

  protected override tooLong(): Error {
    const facts = { file: this.file, line: this.line, expected: MAX_CELL_BYTES };
    return tableErrors.create('TABLE_CELL_TOO_LARGE', facts);
  }

  end(): { columns: readonly string[]; rows: number; offsets: Float64Array } {
    this.flush();
    if (this.#filledRows === 0) throw this.empty('at least one line');
    const offsets = this.rows.close(this.#filledRows, this.#dataEnd);
    return { columns: this.columns, rows: this.#filledRows, offsets };
  }
}

/** The rows of `jsonl`. The first object names the columns and their order. */
export class JsonLines extends Lines {
  #columns: readonly string[] = [];
  #known = new Set<string>();
  #firstLine = 0;
  #blankLine = 0;
  #dataEnd = 0;

  constructor(file: string, start: number) {
    super(file, start, MAX_ROW_BYTES);
  }

  override get columns(): readonly string[] | undefined {
    return this.#firstLine === 0 ? undefined : this.#columns;
  }

  protected override onLine(line: Buffer, start: number, next: number): void {
    if (line.length === 0) {
      this.#blankLine ||= this.line;
      return;
    }
    if (this.#blankLine !== 0) {
      const facts = { file: this.file, line: this.#blankLine, expected: this.#columns.length };
      throw tableErrors.create('TABLE_BLANK_LINE', facts);
    }
    const row = this.#parse(line.toString('utf8'));
    if (this.#firstLine === 0) this.#setColumns(row);
    else this.#checkKeys(row);
    this.#checkCells(row);
    this.rows.add(start);
    this.#dataEnd = next;
  }

  end(): { columns: readonly string[]; rows: number; offsets: Float64Array } {
    this.flush();
    if (this.#firstLine === 0) throw this.empty('at least one JSON object');
    const offsets = this.rows.close(this.rows.rows, this.#dataEnd);
    return { columns: this.#columns, rows: this.rows.rows, offsets };
  }

  protected override tooLong(): Error {
    const facts = { file: this.file, line: this.line, expected: MAX_ROW_BYTES };
    return tableErrors.create('TABLE_ROW_TOO_LARGE', facts);
  }

  #parse(text: string): JsonRow {
    try {
      return parseJsonRow(text);
    } catch (error) {
      const facts = { file: this.file, line: this.line, found: messageOf(error).slice(0, 120) };
      throw tableErrors.create('TABLE_BAD_JSON', facts);
    }
  }

  #setColumns(row: JsonRow): void {
    if (row.keys.length === 0) throw this.#badJson('an object without keys');
    checkColumns(row.keys, this.file, this.line);
    this.#columns = row.keys;
    this.#known = new Set(row.keys);
    this.#firstLine = this.line;
  }

  #checkKeys({ keys }: JsonRow): void {
    const columns = this.#columns;
    if (keys.length === columns.length && keys.every((key, i) => key === columns[i])) return;
    const place = { file: this.file, line: this.line, first: this.#firstLine };
    const given = new Set<string>();
    for (const key of keys) {
      if (!this.#known.has(key)) {
        throw tableErrors.create('TABLE_JSON_KEY_UNKNOWN', { ...place, found: key.slice(0, 200) });
      }
      if (given.has(key)) {
        throw tableErrors.create('TABLE_DUPLICATE_COLUMN', { ...place, found: key });
      }
      given.add(key);
    }
    const missing = columns.find((column) => !given.has(column));
    if (missing !== undefined) {
      throw tableErrors.create('TABLE_JSON_KEY_MISSING', { ...place, found: missing });
    }
  }

  /** JSON can spell what no argument may hold: NUL and half characters. */
  #checkCells({ cells }: JsonRow): void {
    for (const cell of cells) {
      if (cell.length > MAX_CELL_BYTES / 4 && Buffer.byteLength(cell) > MAX_CELL_BYTES) {
        const facts = { file: this.file, line: this.line, expected: MAX_CELL_BYTES };
        throw tableErrors.create('TABLE_CELL_TOO_LARGE', facts);
      }
      if (cell.includes('\0')) throw this.#badJson('a NUL character (\\u0000) in a string');
      if (!cell.isWellFormed()) throw this.#badJson('half a surrogate pair (\\ud800…) in a string');
    }
  }

  #badJson(found: string): Error {
    return tableErrors.create('TABLE_BAD_JSON', { file: this.file, line: this.line, found });
  }
}
