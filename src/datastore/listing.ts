/** What the index knows at one moment, sorted. */
import { rowsHere } from './ageing.ts';
import type { EntryTable } from './index/entry-table.ts';
import { type InPieces, inTurns, piecesOf } from './index/in-turns.ts';
import { sortByKey, sortByNumber } from './index/order.ts';
import type { ListedEntry, Snapshot, SnapshotQuery } from './port.ts';

/** All of one moment, whatever happens while it is being sorted: keys and hashes of a row never change. */
export async function snapshotOf(
  table: EntryTable,
  pins: ReadonlyMap<string, readonly string[]>,
  query: Partial<SnapshotQuery>,
  atMs: number,
): Promise<Snapshot> {
  const { sort = 'key', descending = false, containing = '', pinnedOnly = false } = query;
  // What changes is copied before others have a turn.
  const here = pinnedOnly ? pinnedRows(table, pins) : rowsHere(table);
  const bytes = table.bytes.slice(0, table.rows);
  const stored = table.stored.slice(0, table.rows);
  const accessed = table.accessed.slice(0, table.rows);
  const rows = await inTurns(matching(here, table, containing));
  const columns = { bytes, lastAccess: accessed, stored };
  await inTurns(
    sort === 'key' ? sortByKey(rows, table) : sortByNumber(rows, (row) => columns[sort][row]!),
  );
  if (descending) rows.reverse();
  const entryAt = (at: number): ListedEntry => {
    const row = rows[at]!;
    const hash = table.hashOf(row);
    return {
      key: table.keyOf(row),
      hash,
      owner: table.ownerOf(row),
      bytes: bytes[row]!,
      storedAtMs: stored[row]!,
      lastAccessMs: accessed[row]!,
      pinned: pins.has(hash),
    };
  };
  return {
    atMs,
    matching: rows.length,
    matchingBytes: rows.reduce((sum, row) => sum + bytes[row]!, 0),
    page(offset, limit) {
      const first = Math.min(offset, rows.length);
      const count = Math.min(limit, rows.length - first);
      return Array.from({ length: count }, (_, index) => entryAt(first + index));
    },
  };
}

function pinnedRows(table: EntryTable, pins: ReadonlyMap<string, readonly string[]>): Uint32Array {
  const rows = [...pins.keys()].map((hash) => table.rowOf(hash));
  return Uint32Array.from(rows.filter((row) => row >= 0 && table.here[row] === 1));
}

function* matching(
  rows: Uint32Array,
  table: EntryTable,
  containing: string,
): InPieces<Uint32Array> {
  if (containing === '') return rows;
  const wanted = Buffer.from(containing);
  let count = 0;
  yield* piecesOf(rows.length, (begin, end) => {
    for (let at = begin; at < end; at++) {
      const row = rows[at]!;
      if (table.keyBytesOf(row).includes(wanted)) rows[count++] = row;
    }
  });
  return rows.slice(0, count);
}
