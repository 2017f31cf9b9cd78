import { isUtf8 } from 'node:buffer';
import type { ResultSource } from '#model';
import type { CollectRow } from './collect.ts';
import { resultsErrors } from './errors.ts';
import type { StoredPart, StoredRecord } from './segment-reader.ts';

const MAX_LINE_BYTES = 2 ** 20;

/** A cell's text, or null where an optional result is missing. */
export type Cell = string | null;

/** The row's parameters, then its results, each a single line without its line end. */
export function cellsOf(
  row: CollectRow,
  record: StoredRecord,
  columns: readonly string[],
  sources: readonly ResultSource[],
): Cell[] {
  const cells: Cell[] = columns.map((_, index) => row.cells[index] ?? '');
  for (const { name } of sources) {
    const part = record.parts.find((one) => one.kind === 'result' && one.name === name);
    cells.push(part ? lineOf(row, part) : null);
  }
  return cells;
}

function lineOf(row: CollectRow, part: StoredPart): string {
  if (part.bytes > MAX_LINE_BYTES) throw notALine(row, part, `it has ${part.bytes} bytes`);
  const bytes = part.read(MAX_LINE_BYTES);
  if (!isUtf8(bytes)) throw notALine(row, part, 'it is not UTF-8');
  const text = bytes.toString();
  const line = text.endsWith('\r\n') ? text.slice(0, -2) : text.replace(/\n$/, '');
  if (line.includes('\n')) throw notALine(row, part, `it has ${line.split('\n').length} lines`);
  if (line.includes('\0')) throw notALine(row, part, 'it has a NUL byte');
  return line;
}

function notALine({ task, ticket }: CollectRow, { name }: StoredPart, reason: string) {
  return resultsErrors.create('COLLECT_NOT_A_LINE', { result: name, task, ticket, reason });
}

/** One row as RFC 4180 has it, but with a plain newline, as Unix tools expect. */
export function csvLine(cells: readonly Cell[]): string {
  // A lone empty cell would be an empty line, which readers skip.
  if (cells.length === 1 && (cells[0] ?? '') === '') return '""\n';
  return `${cells.map(csvCell).join(',')}\n`;
}

function csvCell(cell: Cell): string {
  if (cell === null) return '';
  return /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

export type ColumnType = 'integer' | 'real' | 'text';

// Without leading zeros: 007 is a name, and would not come back from a number.
const INTEGER = /^\s*-?(?:0|[1-9]\d*)\s*$/;
const REAL = /^\s*[-+]?(?:0|[1-9]\d*)?(?:\.\d*)?(?<=\d\.?)(?:[eE][-+]?\d+)?\s*$/;
const MAX_INT64 = 2n ** 63n - 1n;
/** A double keeps every integer of so many digits. */
const DOUBLE_DIGITS = 15;

/**
 * Finds a column's type by looking at every cell: all integers of 64 bits, all decimal numbers, or
 * text. Empty and missing cells fit any type; a column of nothing else is text, and so is one with
 * an integer that would lose digits.
 */
export class ColumnTyper {
  #type: ColumnType | null = null;
  /** An integer that only a 64-bit integer can hold was seen. */
  #wide = false;

  get type(): ColumnType {
    return this.#type ?? 'text';
  }

  look(cell: Cell): void {
    if (this.#type === 'text' || cell === null || cell === '') return;
    const kind = kindOf(cell);
    this.#wide ||= kind === 'wide';
    const integer = kind === 'integer' || kind === 'wide';
    if (kind === 'text') this.#type = 'text';
    else if (!integer || this.#type === 'real') this.#type = this.#wide ? 'text' : 'real';
    else this.#type = 'integer';
  }
}

function kindOf(cell: string): 'integer' | 'wide' | 'real' | 'text' {
  if (!REAL.test(cell)) return 'text';
  const number = cell.trim();
  if (!INTEGER.test(number) || number === '-0') {
    return Number.isFinite(Number(number)) ? 'real' : 'text';
  }
  if (number.length <= DOUBLE_DIGITS) return 'integer';
  if (number.length > 20) return 'text';
  const value = BigInt(number);
  return value <= MAX_INT64 && value >= -MAX_INT64 - 1n ? 'wide' : 'text';
}

/** A cell as a value of its column's type; empty cells of number columns are null. */
export function typedValue(cell: Cell, type: ColumnType): string | number | bigint | null {
  if (cell === null) return null;
  if (type === 'text') return cell;
  if (cell.trim() === '') return null;
  return type === 'integer' ? BigInt(cell) : Number(cell);
}
