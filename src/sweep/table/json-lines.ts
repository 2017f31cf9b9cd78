import { messageOf } from '#base';
import { tableErrors } from '../errors.ts';
import { checkColumns } from './columns.ts';
import { MAX_CELL_BYTES, MAX_ROW_BYTES } from './format.ts';
import { type JsonRow, parseJsonRow } from './json-row.ts';
import { Lines } from './line-rows.ts';

/** Keys of a line beyond which it is always looked at closely. */
const MAX_USUAL_KEYS = 64;

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
      // From here on every line must be looked at.
      this.usual = undefined;
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

  protected override onUsualLine(start: number, next: number): void {
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
    this.usual = usualLine(row.keys);
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

/** Values whose text is known without decoding: no escapes, nothing nested (RFC 8259, 6 and 7). */
const PLAIN_VALUE =
  '(?:"[^"\\\\\\x00-\\x1f]*"|-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?|true|false|null)';

/** A line with these keys in this order and plain values, as text of one character per byte. */
function usualLine(keys: readonly string[]): RegExp | undefined {
  if (keys.length > MAX_USUAL_KEYS) return undefined;
  const pairs = keys.map((key) => {
    const bytes = Buffer.from(JSON.stringify(key)).toString('latin1');
    return ` *${bytes.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')} *: *${PLAIN_VALUE} *`;
  });
  return new RegExp(`\\{${pairs.join(',')}\\}\\r?\\n`, 'y');
}
