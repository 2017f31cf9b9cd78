import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { totalsOf } from './ageing.ts';
import { EntryTable } from './index/entry-table.ts';
import { inTurns } from './index/in-turns.ts';
import { encodeRecord, readRecords } from './index/record.ts';
import { snapshotOf } from './listing.ts';

const ENTRIES = 200_000;
/** Entries that are looked at before others have a turn, or a little more. */
const MOST_PIECE = 2 ** 16;

function take(table: EntryTable, key: string, bytes: number, atMs: number): void {
  const hash = createHash('sha256').update(key).digest('hex');
  const times = { atMs, storedAtMs: 1, accessedAtMs: atMs };
  const record = { isHere: true, hash, sha256: hash, bytes, key, owner: '', ...times };
  const block = encodeRecord(record);
  readRecords(block, (view) => table.take(block, view));
}

test('while very many entries are listed others have their turns, and the list is of one moment', async (t) => {
  const table = new EntryTable();
  for (let at = 0; at < ENTRIES; at++) take(table, `https://data.example/${at}`, at, 10);
  let turns = 0;
  let isOver = false;
  t.after(() => {
    isOver = true;
  });
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const during = async <T>(work: Promise<T>): Promise<T> => {
    const before = turns;
    const done = await work;
    assert.ok(turns - before >= ENTRIES / MOST_PIECE, `${turns - before} turns`);
    return done;
  };
  const listed = snapshotOf(table, new Map(), { sort: 'bytes', descending: true }, 20);
  take(table, 'https://data.example/7', 10 * ENTRIES, 30);
  take(table, 'https://data.example/new', 20 * ENTRIES, 30);
  const snapshot = await during(listed);
  assert.equal(snapshot.matching, ENTRIES);
  assert.equal(snapshot.matchingBytes, (ENTRIES * (ENTRIES - 1)) / 2);
  assert.deepEqual(
    snapshot.page(0, 2).map(({ bytes }) => bytes),
    [ENTRIES - 1, ENTRIES - 2],
  );
  assert.equal(snapshot.page(ENTRIES - 8, 1)[0]?.bytes, 7);
  const containing = 'example/1999';
  const found = await during(snapshotOf(table, new Map(), { sort: 'key', containing }, 40));
  assert.deepEqual([found.matching, found.page(0, 1)[0]?.key], [111, 'https://data.example/1999']);
  const totals = await during(inTurns(totalsOf(table)));
  assert.deepEqual(totals, {
    entries: ENTRIES + 1,
    bytes: snapshot.matchingBytes - 7 + 30 * ENTRIES,
  });
});
