/**
 * Sorting a million rows in tenths of a second: by radix, over two words of 32 bits that stand for
 * each row. Numbers are two words as they are; of keys they are eight bytes at a time. It is done in
 * pieces, and what it sorts by does not change meanwhile.
 */
import type { EntryTable } from './entry-table.ts';
import { type InPieces, piecesOf } from './in-turns.ts';

const CHUNK_BYTES = 8;
/** Below this many rows, comparing is quicker than counting. */
const FEW = 48;
/** From so many rows on, few passes with many counters are quicker than many with few. */
const MANY = 2 ** 16;
const WORD = 2 ** 32;

/** Rows and what they are sorted by; the other half is where a pass of the sort puts them. */
interface Columns {
  readonly rows: Uint32Array;
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

interface Space {
  readonly from: Columns;
  readonly to: Columns;
}

/**
 * Sorts `rows` by whole numbers from 0 to 2^53, ascending, equal ones as they came. Each
 * number is read once.
 */
export function* sortByNumber(
  rows: Uint32Array,
  numberOf: (row: number) => number,
): InPieces<Uint32Array> {
  if (rows.length < FEW) return rows.sort((a, b) => numberOf(a) - numberOf(b));
  const space = spaceFor(rows);
  const { high, low } = space.from;
  yield* piecesOf(rows.length, (begin, end) => {
    for (let at = begin; at < end; at++) {
      const number = numberOf(rows[at]!);
      high[at] = number / WORD;
      low[at] = number;
    }
  });
  yield* sortColumns(space);
  return rows;
}

/** Sorts `rows` by the bytes of their keys, ascending. */
export function* sortByKey(rows: Uint32Array, table: EntryTable): InPieces<Uint32Array> {
  yield* sortFrom(0, spaceFor(rows), table);
  return rows;
}

/** All rows agree up to `depth`: by the bytes behind what else they have in common, then equal runs anew. */
function* sortFrom(depth: number, space: Space, table: EntryTable): InPieces {
  const { rows, high, low } = space.from;
  if (rows.length < FEW) {
    rows.sort((a, b) => table.compareKeys(a, b, depth));
    yield rows.length;
    return;
  }
  const from = yield* commonKeyBytes(rows, depth, table);
  yield* piecesOf(rows.length, (begin, end) => {
    table.readKeyWords(rows, from, begin, end, high, low);
  });
  yield* sortColumns(space);
  const next = from + CHUNK_BYTES;
  let begin = 0;
  for (let end = 1; end <= rows.length; end++) {
    const isEqual = end < rows.length && high[end] === high[begin] && low[end] === low[begin];
    if (isEqual) continue;
    // Keys have no zero bytes: with one in its words a key has ended, and its equals with it.
    const hasMore = (low[begin]! & 0xff) !== 0;
    if (end - begin > 1 && hasMore) yield* sortFrom(next, partOf(space, begin, end), table);
    begin = end;
  }
}

function* commonKeyBytes(rows: Uint32Array, from: number, table: EntryTable): InPieces<number> {
  let common = Number.MAX_SAFE_INTEGER;
  yield* piecesOf(rows.length, (begin, end) => {
    common = table.commonKeyBytes(rows, from, begin, end, common);
  });
  return common;
}

function spaceFor(rows: Uint32Array): Space {
  const columns = () => new Uint32Array(rows.length);
  return {
    from: { rows, high: columns(), low: columns() },
    to: { rows: columns(), high: columns(), low: columns() },
  };
}

function partOf({ from, to }: Space, begin: number, end: number): Space {
  const part = ({ rows, high, low }: Columns) => ({
    rows: rows.subarray(begin, end),
    high: high.subarray(begin, end),
    low: low.subarray(begin, end),
  });
  return { from: part(from), to: part(to) };
}

/** Least digit first, so that each pass keeps the order of those before it. In place. */
function* sortColumns({ from, to }: Space): InPieces {
  const { length } = from.rows;
  const bits = length < MANY ? 8 : 16;
  const counts = new Uint32Array(2 ** bits);
  let [source, target] = [from, to];
  for (const word of ['low', 'high'] as const) {
    for (let shift = 0; shift < 32; shift += bits) {
      const words = source[word];
      counts.fill(0);
      yield* piecesOf(length, (begin, end) => countDigits(words, shift, counts, begin, end));
      if (counts[digitOf(words[0]!, shift, counts)] === length) continue;
      turnIntoPlaces(counts);
      const [here, there] = [source, target];
      yield* piecesOf(length, (begin, end) => spread(here, there, word, shift, counts, begin, end));
      [source, target] = [there, here];
    }
  }
  if (source === from) return;
  from.rows.set(source.rows);
  from.high.set(source.high);
  from.low.set(source.low);
}

function digitOf(word: number, shift: number, counts: Uint32Array): number {
  return (word >>> shift) & (counts.length - 1);
}

function countDigits(
  words: Uint32Array,
  shift: number,
  counts: Uint32Array,
  begin: number,
  end: number,
): void {
  const mask = counts.length - 1;
  for (let at = begin; at < end; at++) counts[(words[at]! >>> shift) & mask]!++;
}

/** Counts of digits become where the rows of each digit begin. */
function turnIntoPlaces(counts: Uint32Array): void {
  let sum = 0;
  for (let digit = 0; digit < counts.length; digit++) {
    const count = counts[digit]!;
    counts[digit] = sum;
    sum += count;
  }
}

function spread(
  source: Columns,
  target: Columns,
  word: 'high' | 'low',
  shift: number,
  places: Uint32Array,
  begin: number,
  end: number,
): void {
  const mask = places.length - 1;
  const { rows, high, low } = source;
  const [rowsTo, highTo, lowTo] = [target.rows, target.high, target.low];
  const words = source[word];
  for (let at = begin; at < end; at++) {
    const digit = (words[at]! >>> shift) & mask;
    const place = places[digit]!;
    places[digit] = place + 1;
    rowsTo[place] = rows[at]!;
    highTo[place] = high[at]!;
    lowTo[place] = low[at]!;
  }
}
