/**
 * The formats of parameter tables and their limits.
 *
 * `bar`, `csv` and `tsv` differ only in the separator. A cell that begins with `"` is quoted as in
 * RFC 4180: it may hold separators and line ends, `""` stands for one quote, and only a separator
 * or the end of the line may follow the closing quote. A quote anywhere else is an ordinary
 * character (`5" disk`). Spaces belong to the cell. Lines end with LF or CRLF. The first line
 * holds the names; blank lines at the end are no rows, blank lines between rows are refused.
 *
 * `lines` has the one column `line` and no header: each line is a cell as it stands.
 */
export const TABLE_FORMATS = ['bar', 'csv', 'tsv', 'jsonl', 'lines'] as const;

export type TableFormat = (typeof TABLE_FORMATS)[number];

/** Formats of separated cells. */
export const SEPARATOR: Readonly<Record<'bar' | 'csv' | 'tsv', string>> = {
  bar: '|',
  csv: ',',
  tsv: '\t',
};

export const MAX_CELL_BYTES = 2 ** 20;
export const MAX_ROW_BYTES = 4 * 2 ** 20;
export const MAX_COLUMNS = 4096;
export const MAX_COLUMN_NAME_BYTES = 256;
/** Task indices fit 31 bits, so a job's states are one byte array. */
export const MAX_ROWS = 2 ** 31;

const FORMAT_OF_SUFFIX: Readonly<Record<string, TableFormat>> = {
  csv: 'csv',
  tsv: 'tsv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  bar: 'bar',
  psv: 'bar',
};

/** The format that a file's suffix names; the native bar form for every other name. */
export function formatOfName(path: string): TableFormat {
  const suffix = /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  return FORMAT_OF_SUFFIX[suffix] ?? 'bar';
}
