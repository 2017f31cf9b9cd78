/** Sorting a million rows in tenths of a second: by numbers that bytes are read as. */
import type { EntryTable } from './entry-table.ts';

/** Values of a digit: many make few passes, but each pass looks at all of them. */
const DIGITS = { few: 2 ** 8, many: 2 ** 16 } as const;
/** A double holds six bytes exactly, and the number of those that are there. */
const CHUNK_BYTES = 6;
/** Below this many rows, comparing is quicker than counting. */
const FEW = 64;

/** Sorts `rows` by whole numbers from 0 to 2^53, ascending, equal ones as they came. */
export function sortByNumber(rows: Uint32Array, numberOf: (row: number) => number): Uint32Array {
  if (rows.length < FEW) return rows.sort((a, b) => numberOf(a) - numberOf(b) || a - b);
  let most = 0;
  const keys = new Float64Array(rows.length);
  for (let at = 0; at < rows.length; at++) {
    const key = numberOf(rows[at]!);
    keys[at] = key;
    if (key > most) most = key;
  }
  let from: Run = { rows, keys };
  let to: Run = { rows: new Uint32Array(rows.length), keys: new Float64Array(rows.length) };
  const digits = rows.length < DIGITS.many ? DIGITS.few : DIGITS.many;
  const counts = new Uint32Array(digits);
  for (let unit = 1; unit <= most; unit *= digits) {
    spread(from, to, unit, counts.fill(0));
    [from, to] = [to, from];
  }
  if (from.rows !== rows) rows.set(from.rows);
  return rows;
}

interface Run {
  readonly rows: Uint32Array;
  readonly keys: Float64Array;
}

/** One pass of a radix sort, by the digit that counts `unit`s. */
function spread(from: Run, to: Run, unit: number, counts: Uint32Array): void {
  const { rows, keys } = from;
  const digits = counts.length;
  const digitOf = (key: number) => Math.floor(key / unit) % digits;
  for (const key of keys) counts[digitOf(key)]!++;
  let sum = 0;
  for (let digit = 0; digit < digits; digit++) {
    const count = counts[digit]!;
    counts[digit] = sum;
    sum += count;
  }
  for (let at = 0; at < rows.length; at++) {
    const place = counts[digitOf(keys[at]!)]!++;
    to.rows[place] = rows[at]!;
    to.keys[place] = keys[at]!;
  }
}

/** Sorts `rows` by the bytes of their keys, ascending: a chunk of bytes, then its equal runs by the next. */
export function sortByKey(rows: Uint32Array, table: EntryTable, depth = 0): Uint32Array {
  if (rows.length < FEW) {
    return rows.sort((a, b) => table.compareKeys(a, b));
  }
  const from = commonBytes(rows, table, depth);
  const chunkOf = (row: number) => {
    let chunk = 0;
    for (let index = from; index < from + CHUNK_BYTES; index++) {
      // One is added, so that a key that has ended comes first; 257 values still fit six times.
      chunk = chunk * 257 + table.keyByteAt(row, index) + 1;
    }
    return chunk;
  };
  sortByNumber(rows, chunkOf);
  let begin = 0;
  while (begin < rows.length) {
    const chunk = chunkOf(rows[begin]!);
    let end = begin + 1;
    while (end < rows.length && chunkOf(rows[end]!) === chunk) end++;
    const hasMore = chunk % 257 !== 0;
    if (end - begin > 1 && hasMore) sortByKey(rows.subarray(begin, end), table, from + CHUNK_BYTES);
    begin = end;
  }
  return rows;
}

/** How far all keys agree, from `depth` on: addresses begin alike. */
function commonBytes(rows: Uint32Array, table: EntryTable, depth: number): number {
  const first = rows[0]!;
  let common = table.keyBytesOf(first).length;
  for (const row of rows) {
    let index = depth;
    while (index < common && table.keyByteAt(row, index) === table.keyByteAt(first, index)) index++;
    common = index;
    if (common === depth) break;
  }
  return common;
}
