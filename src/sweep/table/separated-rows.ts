import { tableErrors } from '../errors.ts';
import { splitRows } from './cells.ts';
import { checkColumns } from './columns.ts';
import { MAX_CELL_BYTES, MAX_ROW_BYTES } from './format.ts';
import { RowOffsets, type RowScanner } from './row-offsets.ts';

const LF = 10;
const CR = 13;
const QUOTE = 34;

// Where the next byte stands. A cell that does not begin with a quote is PLAIN to its end.
const PLAIN = 0;
const QUOTED = 1;
/** After a quote inside a quoted cell: it closes the cell, or is the first of two. */
const QUOTE_SEEN = 2;
/** After the CR behind a closed cell: only LF may follow. */
const CR_SEEN = 3;

/**
 * The rows of `bar`, `csv` and `tsv`, found in one pass over bytes. Every byte is looked at once
 * and nothing is allocated per row: the separators are ASCII, so UTF-8 needs no decoding here.
 */
export class SeparatedRows implements RowScanner {
  readonly #file: string;
  readonly #separator: string;
  readonly #special = new Uint8Array(256);
  readonly #rows: RowOffsets;
  #columns: readonly string[] | undefined;
  /** Bytes of the header line as far as they came. */
  #header: Buffer[] = [];
  #state = PLAIN;
  #line = 1;
  #rowLine = 1;
  #quoteLine = 0;
  #blankLine = 0;
  #cells = 0;
  /** Absolute offsets of the next byte and of the current row's and cell's first byte. */
  #position: number;
  #rowStart: number;
  #cellStart: number;
  #lastByte = 0;
  #dataEnd = 0;

  constructor(file: string, separator: string, start: number) {
    this.#file = file;
    this.#separator = separator;
    this.#rows = new RowOffsets(file);
    this.#position = this.#rowStart = this.#cellStart = start;
    for (const byte of [LF, QUOTE, separator.charCodeAt(0)]) this.#special[byte] = 1;
  }

  get line(): number {
    return this.#line;
  }

  get columns(): readonly string[] | undefined {
    return this.#columns;
  }

  scan(bytes: Buffer): void {
    const base = this.#position;
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === PLAIN) at = this.#scanPlain(bytes, at, base);
      else if (this.#state === QUOTED) at = this.#scanQuoted(bytes, at);
      else at = this.#afterQuote(bytes, at, base);
    }
    if (bytes.length === 0) return;
    this.#position = base + bytes.length;
    this.#lastByte = bytes[bytes.length - 1]!;
    this.#checkSize(this.#position);
    if (!this.#columns) this.#header.push(this.#rowBytes(bytes, bytes.length, base));
  }

  end(): { columns: readonly string[]; rows: number; offsets: Float64Array } {
    const file = this.#file;
    if (this.#state === QUOTED) {
      throw tableErrors.create('TABLE_UNTERMINATED_QUOTE', { file, line: this.#quoteLine });
    }
    if (this.#state === CR_SEEN) throw this.#textAfterQuote();
    if (this.#position > this.#rowStart) this.#endLastRow();
    if (!this.#columns || this.#rows.rows === 0) {
      const found = this.#columns ? 'only a header line' : 'an empty file';
      const expected = this.#columns ? 'at least one row' : 'a header line and rows';
      throw tableErrors.create('TABLE_EMPTY', { file, found, expected });
    }
    const { rows } = this.#rows;
    return { columns: this.#columns, rows, offsets: this.#rows.close(rows, this.#dataEnd) };
  }

  /** The last line when it has no line end; a lone CR there is none either. */
  #endLastRow(): void {
    const lone = this.#position - this.#rowStart === 1 && this.#lastByte === CR;
    this.#endRow(lone ? this.#rowStart : this.#position, this.#position);
  }

  /** Runs to the end of the bytes or to where a quoted cell begins; returns where it stopped. */
  #scanPlain(bytes: Buffer, from: number, base: number): number {
    const special = this.#special;
    for (let at = from; at < bytes.length; at++) {
      if (special[bytes[at]!] === 0) continue;
      const byte = bytes[at]!;
      const position = base + at;
      if (byte === QUOTE) {
        if (position !== this.#cellStart) continue;
        this.#state = QUOTED;
        this.#quoteLine = this.#line;
        return at + 1;
      }
      if (byte === LF) this.#lineEnd(bytes, at, base);
      else this.#endCell(position);
    }
    return bytes.length;
  }

  #scanQuoted(bytes: Buffer, from: number): number {
    const quote = bytes.indexOf(QUOTE, from);
    const end = quote === -1 ? bytes.length : quote;
    for (let at = bytes.indexOf(LF, from); at !== -1 && at < end; at = bytes.indexOf(LF, at + 1)) {
      this.#line++;
    }
    if (quote === -1) return end;
    this.#state = QUOTE_SEEN;
    return end + 1;
  }

  #afterQuote(bytes: Buffer, at: number, base: number): number {
    const byte = bytes[at]!;
    if (this.#state === QUOTE_SEEN && byte === QUOTE) this.#state = QUOTED;
    else if (this.#state === QUOTE_SEEN && byte === CR) this.#state = CR_SEEN;
    else if (byte === LF) this.#lineEnd(bytes, at, base);
    else if (this.#state === QUOTE_SEEN && byte === this.#separator.charCodeAt(0)) {
      this.#endCell(base + at);
    } else throw this.#textAfterQuote();
    return at + 1;
  }

  #endCell(position: number): void {
    if (position - this.#cellStart > MAX_CELL_BYTES) this.#checkSize(position);
    this.#cells++;
    this.#cellStart = position + 1;
    this.#state = PLAIN;
  }

  #lineEnd(bytes: Buffer, at: number, base: number): void {
    const position = base + at;
    const before = at > 0 ? bytes[at - 1]! : this.#lastByte;
    const end = before === CR && position > this.#rowStart ? position - 1 : position;
    if (!this.#columns) this.#header.push(this.#rowBytes(bytes, at + 1, base));
    this.#endRow(end, position + 1);
    this.#line++;
    this.#rowLine = this.#line;
  }

  /** `end` excludes the line end, `next` is where the next row begins. */
  #endRow(end: number, next: number): void {
    if (end - this.#cellStart > MAX_CELL_BYTES || end - this.#rowStart > MAX_ROW_BYTES) {
      this.#checkSize(end);
    }
    if (!this.#columns) this.#readHeader();
    else if (end === this.#rowStart) this.#blankLine ||= this.#line;
    else this.#countRow(next);
    this.#cells = 0;
    this.#rowStart = this.#cellStart = next;
    this.#state = PLAIN;
  }

  #countRow(next: number): void {
    const expected = this.#columns!.length;
    const file = this.#file;
    if (this.#blankLine !== 0) {
      throw tableErrors.create('TABLE_BLANK_LINE', { file, line: this.#blankLine, expected });
    }
    if (this.#cells + 1 !== expected) {
      const facts = { file, line: this.#rowLine, found: this.#cells + 1, expected };
      throw tableErrors.create('TABLE_CELL_COUNT', facts);
    }
    this.#rows.add(this.#rowStart);
    this.#dataEnd = next;
  }

  #rowBytes(bytes: Buffer, end: number, base: number): Buffer {
    return Buffer.from(bytes.subarray(Math.max(0, this.#rowStart - base), end));
  }

  #readHeader(): void {
    const text = Buffer.concat(this.#header).toString('utf8');
    this.#header = [];
    this.#columns = splitRows(text, this.#separator)[0] ?? [''];
    checkColumns(this.#columns, this.#file, 1);
  }

  #checkSize(position: number): void {
    const line = this.#state === PLAIN ? this.#line : this.#quoteLine;
    if (position - this.#cellStart > MAX_CELL_BYTES) {
      const facts = { file: this.#file, line, expected: MAX_CELL_BYTES };
      throw tableErrors.create('TABLE_CELL_TOO_LARGE', facts);
    }
    if (position - this.#rowStart > MAX_ROW_BYTES) {
      const facts = { file: this.#file, line: this.#rowLine, expected: MAX_ROW_BYTES };
      throw tableErrors.create('TABLE_ROW_TOO_LARGE', facts);
    }
  }

  #textAfterQuote(): Error {
    const separator = JSON.stringify(this.#separator);
    return tableErrors.create('TABLE_TEXT_AFTER_QUOTE', {
      file: this.#file,
      line: this.#line,
      column: this.#cells + 1,
      expected: `${separator} or the end of the line`,
    });
  }
}
