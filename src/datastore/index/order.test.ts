import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { EntryTable } from './entry-table.ts';
import type { InPieces } from './in-turns.ts';
import { sortByKey, sortByNumber } from './order.ts';
import { encodeRecord, type IndexRecord, readRecords } from './record.ts';

function record(key: string, bytes: number, more: Partial<IndexRecord> = {}): IndexRecord {
  const hash = createHash('sha256').update(key).digest('hex');
  const times = { atMs: 1, storedAtMs: 2, accessedAtMs: 3 };
  return { isHere: true, hash, sha256: hash, bytes, key, owner: '', ...times, ...more };
}

function tableOf(records: readonly IndexRecord[]): EntryTable {
  const block = Buffer.concat(records.map(encodeRecord));
  const table = new EntryTable();
  assert.equal(
    readRecords(block, (view) => table.take(block, view)),
    block.length,
  );
  return table;
}

function rowsOf(table: EntryTable): Uint32Array {
  return Uint32Array.from({ length: table.rows }, (_, row) => row);
}

/** All pieces at once. */
function sorted<T>(pieces: InPieces<T>): T {
  for (;;) {
    const step = pieces.next();
    if (step.done === true) return step.value;
  }
}

test('thousands of keys with long beginnings in common are sorted as their bytes are', () => {
  const keys = new Set<string>();
  for (let at = 0; at < 9000; at++) {
    const site = at % 3 === 0 ? 'https://a.example/' : 'https://b.example/data/sets/';
    keys.add(`${site}${(at * 7919) % 9001}${at % 5 === 0 ? '/ü' : ''}`);
  }
  const records = [...keys].map((key, at) => record(key, (at * 104_729) % 1_000_003));
  const table = tableOf(records);
  const byKey = [...sorted(sortByKey(rowsOf(table), table))].map((row) => table.keyOf(row));
  const wanted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual(byKey, wanted);
  const bySize = [...sorted(sortByNumber(rowsOf(table), (row) => table.bytes[row]!))];
  const sizes = bySize.map((row) => table.bytes[row]!);
  assert.deepEqual(
    sizes,
    sizes.toSorted((a, b) => a - b),
  );
});

test('keys that begin others come before them, wherever they end', () => {
  const long = 'https://data.example/0123456789abcdef';
  const ends = Array.from({ length: long.length }, (_, at) => long.slice(0, at + 1));
  const keys = [...ends, ...ends.map((end) => `${end}~`), ...ends.map((end) => `${end}\u00ff`)];
  const table = tableOf(keys.map((key) => record(key, 1)));
  const byKey = [...sorted(sortByKey(rowsOf(table).reverse(), table))].map((row) =>
    table.keyOf(row),
  );
  const wanted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual(byKey, wanted);
});

for (const count of [40, 3000, 70_000]) {
  test(`${count} numbers up to 2^53 are sorted, equal ones as they came`, () => {
    const numbers = Float64Array.from({ length: count }, (_, at) =>
      at % 3 === 0 ? at % 7 : ((at * 7_919_000_003) % 1_000_003) * 2 ** 33 + at,
    );
    const rows = Uint32Array.from({ length: count }, (_, at) => count - 1 - at);
    const wanted = [...rows].sort((a, b) => numbers[a]! - numbers[b]!);
    assert.deepEqual([...sorted(sortByNumber(rows, (row) => numbers[row]!))], wanted);
  });
}

test('of several records the latest counts, whatever order they are read in', () => {
  const here = record('lab:a', 1, { atMs: 10 });
  const gone = record('lab:a', 1, { atMs: 20, isHere: false });
  const back = record('lab:a', 5, { atMs: 30 });
  for (const order of [
    [here, gone, back],
    [back, gone, here],
    [gone, back, here],
  ]) {
    const table = tableOf(order);
    assert.deepEqual([table.rows, table.here[0], table.bytes[0]], [1, 1, 5]);
  }
});

test('a torn or damaged record ends the reading of a log, and nothing before it is lost', () => {
  const records = ['a', 'b', 'c'].map((key) => encodeRecord(record(key, 1)));
  const block = Buffer.concat(records);
  const countIn = (bytes: Buffer) => {
    let count = 0;
    readRecords(bytes, () => count++);
    return count;
  };
  assert.equal(countIn(block), 3);
  assert.equal(countIn(block.subarray(0, block.length - 1)), 2);
  const damaged = Buffer.from(block);
  damaged[records[0]!.length + 40]! ^= 1;
  assert.equal(countIn(damaged), 1);
});

test('what is written of a row is what was read', () => {
  const original = record('lab:key', 77, { owner: 'ada', sha256: 'ab'.repeat(32) });
  const again = tableOf([original]).recordOf(0);
  assert.deepEqual({ ...again, sha256: '' }, { ...original, sha256: '' });
  assert.equal(again.sha256, original.sha256.slice(0, 12));
});
