/** A sorted page of what the index knows. */
import { rowsHere } from './ageing.ts';
import type { EntryTable } from './index/entry-table.ts';
import { sortByKey, sortByNumber } from './index/order.ts';
import type { ListedEntry, Listing, ListQuery, SortColumn } from './port.ts';

export function listEntries(
  table: EntryTable,
  pins: ReadonlyMap<string, readonly string[]>,
  query: Partial<ListQuery>,
): Listing {
  const { sort = 'key', descending = false, containing = '' } = query;
  const { offset = 0, limit = Number.MAX_SAFE_INTEGER } = query;
  const rows = matching(rowsHere(table), table, containing);
  let matchingBytes = 0;
  for (const row of rows) matchingBytes += table.bytes[row]!;
  sortRows(rows, table, sort);
  if (descending) rows.reverse();
  const entries: ListedEntry[] = [];
  for (const row of rows.subarray(offset, offset + limit)) {
    const hash = table.hashOf(row);
    entries.push({
      key: table.keyOf(row),
      hash,
      owner: table.ownerOf(row),
      bytes: table.bytes[row]!,
      storedAtMs: table.stored[row]!,
      lastAccessMs: table.accessed[row]!,
      pinned: pins.has(hash),
    });
  }
  return { matching: rows.length, matchingBytes, entries };
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
