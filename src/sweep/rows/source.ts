import type { WindrowError } from '#base';
import type { Axis } from '#model';
import { rowErrors } from '../errors.ts';
import { isPrintable } from '../table/columns.ts';
import { MAX_ROWS } from '../table/format.ts';
import { makeRange, rangePrinter } from './range.ts';

/** Rows by number; `TableReader` is one. Nothing is materialised. */
export interface RowSource {
  readonly columns: readonly string[];
  readonly count: number;
  /** The cells of row `number`, from 0. @throws ROW_OUT_OF_RANGE */
  row(number: number): readonly string[];
  /** At most `count` rows from row `from`; fewer at the end. */
  rows(from: number, count: number): (readonly string[])[];
}

/**
 * The cross product of a job's axes, the first axis slowest. No axis at all is one row without
 * columns: the command runs once. `table` finds the tables that file axes name; the caller keeps
 * them open as long as the source is used, and closes them.
 * @throws ROWS_BAD_COLUMN, ROWS_DUPLICATE_COLUMN, ROWS_TOO_MANY, ROWS_BAD_VALUES, RANGE_BAD_NUMBER, RANGE_EMPTY
 */
export function openRows(axes: readonly Axis[], table: (id: string) => RowSource): RowSource {
  const sources = axes.map((axis) => openAxis(axis, table));
  const columns = sources.flatMap((source) => source.columns);
  const [problem] = columnProblems(columns);
  if (problem) throw problem;
  const count = sources.reduce((product, source) => product * BigInt(source.count), 1n);
  if (count > MAX_ROWS) throw tooMany(count);
  return sources.length === 1 ? sources[0]! : product(sources, columns, Number(count));
}

/** What is wrong with the names of all axes' columns together. */
export function columnProblems(columns: readonly string[]): WindrowError[] {
  const bad = columns.filter((column) => column.trim() === '' || !isPrintable(column));
  const twice = new Set(columns.filter((column, i) => columns.indexOf(column) !== i));
  return [
    ...bad.map((column) => {
      const found = JSON.stringify(column.slice(0, 80));
      return rowErrors.create('ROWS_BAD_COLUMN', { found });
    }),
    ...[...twice].map((column) => rowErrors.create('ROWS_DUPLICATE_COLUMN', { column })),
  ];
}

function openAxis(axis: Axis, table: (id: string) => RowSource): RowSource {
  if (axis.kind === 'file') return table(axis.table);
  return axis.kind === 'range' ? rangeRows(axis) : valueRows(axis);
}

function rangeRows(axis: Extract<Axis, { kind: 'range' }>): RowSource {
  const range = makeRange(axis.column, axis);
  if (range.count > MAX_ROWS) throw tooMany(range.count);
  const print = rangePrinter(range);
  return source([axis.column], Number(range.count), (number) => [print(number)]);
}

function valueRows({ columns, rows }: Extract<Axis, { kind: 'values' }>): RowSource {
  const column = columns.join(', ');
  if (rows.length === 0) throw badValues(column, 'no value', 'at least one');
  for (const [number, row] of rows.entries()) {
    if (row.length !== columns.length) {
      throw badValues(column, `${row.length} in row ${number + 1}`, `${columns.length}`);
    }
    if (row.some((cell) => cell.includes('\0'))) {
      throw badValues(column, `a NUL character in row ${number + 1}`, 'text');
    }
  }
  return source(columns, rows.length, (number) => rows[number]!);
}

function product(
  sources: readonly RowSource[],
  columns: readonly string[],
  count: number,
): RowSource {
  return source(columns, count, (number) => {
    const parts: (readonly string[])[] = [];
    let rest = number;
    for (let i = sources.length - 1; i >= 0; i--) {
      const one = sources[i]!;
      parts.push(one.row(rest % one.count));
      rest = Math.floor(rest / one.count);
    }
    return parts.reverse().flat();
  });
}

function source(
  columns: readonly string[],
  count: number,
  cells: (number: number) => readonly string[],
): RowSource {
  return {
    columns,
    count,
    row(number) {
      if (number >= 0 && number < count && Number.isInteger(number)) return cells(number);
      throw rowErrors.create('ROW_OUT_OF_RANGE', { found: number, expected: count - 1 });
    },
    rows(from, most) {
      const end = Math.min(count, from + most);
      const out: (readonly string[])[] = [];
      for (let number = from; number < end; number++) out.push(cells(number));
      return out;
    },
  };
}

function tooMany(found: bigint): Error {
  return rowErrors.create('ROWS_TOO_MANY', { found: String(found), expected: MAX_ROWS });
}

function badValues(column: string, found: string, expected: string): Error {
  return rowErrors.create('ROWS_BAD_VALUES', { column, found, expected });
}
