/** What the index knows at one moment, sorted. */
import { rowsHere } from './ageing.ts';
import type { EntryTable } from './index/entry-table.ts';
import { sortByKey, sortByNumber } from './index/order.ts';
import type { ListedEntry, Snapshot, SnapshotQuery, SortColumn } from './port.ts';

/** Values that change are copied; keys and hashes of a row never do. */
export function snapshotOf(
  table: EntryTable,
  pins: ReadonlyMap<string, readonly string[]>,
  query: Partial<SnapshotQuery>,
  atMs: number,
): Snapshot {
  const { sort = 'key', descending = false, containing = '', pinnedOnly = false } = query;
  const rows = matching(pinnedOnly ? pinnedRows(table, pins) : rowsHere(table), table, containing);
  sortRows(rows, table, sort);
  if (descending) rows.reverse();
  const bytes = valuesOf(rows, table.bytes);
  const stored = valuesOf(rows, table.stored);
  const accessed = valuesOf(rows, table.accessed);
  const entryAt = (at: number): ListedEntry => {
    const row = rows[at]!;
    const hash = table.hashOf(row);
    return {
      key: table.keyOf(row),
      hash,
      owner: table.ownerOf(row),
      bytes: bytes[at]!,
      storedAtMs: stored[at]!,
      lastAccessMs: accessed[at]!,
      pinned: pins.has(hash),
    };
  };
  return {
    atMs,
    matching: rows.length,
    matchingBytes: bytes.reduce((sum, one) => sum + one, 0),
    page(offset, limit) {
      const first = Math.min(offset, rows.length);
      const count = Math.min(limit, rows.length - first);
      return Array.from({ length: count }, (_, index) => entryAt(first + index));
    },
  };
}

function valuesOf(rows: Uint32Array, column: Float64Array): Float64Array {
  const values = new Float64Array(rows.length);
  for (let at = 0; at < rows.length; at++) values[at] = column[rows[at]!]!;
  return values;
}

function pinnedRows(table: EntryTable, pins: ReadonlyMap<string, readonly string[]>): Uint32Array {
  const rows = [...pins.keys()].map((hash) => table.rowOf(hash));
  return Uint32Array.from(rows.filter((row) => row >= 0 && table.here[row] === 1));
}

function matching(rows: Uint32Array, table: EntryTable, containing: string): Uint32Array {
  if (containing === '') return rows;
  const wanted = Buffer.from(containing);
  return rows.filter((row) => table.keyBytesOf(row).includes(wanted));
}

function sortRows(rows: Uint32Array, table: EntryTable, sort: SortColumn): void {
  const columns = { bytes: table.bytes, lastAccess: table.accessed, stored: table.stored };
  if (sort === 'key') sortByKey(rows, table);
  else sortByNumber(rows, (row) => columns[sort][row]!);
}
