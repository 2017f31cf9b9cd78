import { tableErrors } from '../errors.ts';
import { MAX_CELL_BYTES } from './format.ts';
import { RowOffsets, type RowScanner } from './row-offsets.ts';

const LF = 10;
const CR = 13;

/** Cuts bytes into physical lines and keeps the one that is not complete yet. */
export abstract class Lines implements RowScanner {
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
    let text: string | undefined;
    let from = 0;
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, from)) {
      this.#finish(bytes.subarray(from, at), 1);
      from = at + 1;
      if (!this.usual) continue;
      // One character per byte, so that indices are offsets.
      text ??= bytes.toString('latin1');
      from = this.#skipUsual(this.usual, text, from);
    }
    if (from === bytes.length) return;
    this.#pending.push(Buffer.from(bytes.subarray(from)));
    this.#pendingBytes += bytes.length - from;
    this.#checkLength(this.#pendingBytes);
  }

  /** Notes the lines that match as a whole; returns the index of the first that does not. */
  #skipUsual(usual: RegExp, text: string, from: number): number {
    const base = this.#position - from;
    let at = from;
    for (usual.lastIndex = from; usual.test(text); at = usual.lastIndex) {
      if (usual.lastIndex - at > MAX_CELL_BYTES) break;
      this.onUsualLine(base + at, base + usual.lastIndex);
      this.#line++;
    }
    this.#position = base + at;
    return at;
  }

  /**
   * Sticky; matches a line, with its line end, that needs no closer look. It only saves time, most
   * of it where a table has millions of like lines. Undefined: there is none.
   */
  protected usual: RegExp | undefined;
  protected onUsualLine(_start: number, _next: number): void {}

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
