/**
 * Which rows of a new job were done by an earlier one of its lineage: same row, same key. Rows are
 * found by a part of a digest and then compared cell by cell, so a collision costs time, never a
 * wrong result. Works in slices, so that the server goes on answering; ten million rows take 8
 * bytes each for the index, and 4 for what was found.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type TaskIndex, TaskState } from '#model';
import { type RowSource, rowDigest } from '#sweep';
import type { Job } from '../core.ts';

const SLICE_ROWS = 2000;
/** Of those that would run, so many are told of: a list of all could have millions. */
const FIRST_OPEN = 20;
export const NOWHERE = -1;

/** A row that is to run, and why: it is new, failed or did not end, or its job changed. */
export interface OpenRow {
  readonly task: TaskIndex;
  readonly why: 'fresh' | 'failed' | 'changed';
}

export interface Taken {
  /** By task of the new job: the task of the earlier one whose result it takes over, or -1. */
  readonly from: Int32Array;
  readonly done: number;
  /** Rows the earlier job had too, but without a result. */
  readonly unfinished: number;
  readonly firstOpen: readonly OpenRow[];
}

/** All rows run, for one reason. */
export function firstOpenOf(rows: number, why: OpenRow['why']): readonly OpenRow[] {
  return Array.from({ length: Math.min(rows, FIRST_OPEN) }, (_, task) => ({ task, why }));
}

/** Takes nothing unless both have the same columns, in whatever order. */
export async function rowsDoneBefore(earlier: Job, rows: RowSource): Promise<Taken> {
  const from = new Int32Array(rows.count).fill(NOWHERE);
  const places = rows.columns.map((column) => earlier.columns.indexOf(column));
  if (rows.columns.length !== earlier.columns.length || places.includes(-1)) {
    return { from, done: 0, unfinished: 0, firstOpen: firstOpenOf(rows.count, 'fresh') };
  }
  const index = await indexRows(earlier.rows);
  const firstOpen: OpenRow[] = [];
  let done = 0;
  let unfinished = 0;
  for (let first = 0; first < rows.count; first += SLICE_ROWS) {
    for (const [offset, cells] of rows.rows(first, SLICE_ROWS).entries()) {
      const task = first + offset;
      const before = takeRow(index, earlier, rows.columns, cells, places);
      if (before !== NOWHERE && earlier.tasks.state(before) === TaskState.done) {
        from[task] = before;
        done++;
        continue;
      }
      if (before !== NOWHERE) unfinished++;
      if (firstOpen.length < FIRST_OPEN) {
        firstOpen.push({ task, why: before === NOWHERE ? 'fresh' : 'failed' });
      }
    }
    await nextTurn();
  }
  return { from, done, unfinished, firstOpen };
}

/** By task of the earlier job: the task of the new one that takes its result over, or -1. */
export function takersOf({ from }: Taken, rows: number): Int32Array {
  const takers = new Int32Array(rows).fill(NOWHERE);
  for (let task = 0; task < from.length; task++) {
    const before = from[task]!;
    if (before !== NOWHERE) takers[before] = task;
  }
  return takers;
}

/** A row's number takes 31 bits (`MAX_ROWS`), the beginning of its digest the 33 above them. */
const ROW_BITS = 0x7fff_ffffn;

interface RowIndex {
  /** Sorted: the beginning of a row's digest, and its number. */
  readonly entries: BigUint64Array;
  /** One bit for each entry that a row of the new job has found. */
  readonly used: Uint8Array;
  /** Of digests that several rows have: before this entry all are used. */
  readonly unused: Map<bigint, number>;
}

async function indexRows(source: RowSource): Promise<RowIndex> {
  const entries = new BigUint64Array(source.count);
  for (let first = 0; first < source.count; first += SLICE_ROWS) {
    for (const [offset, cells] of source.rows(first, SLICE_ROWS).entries()) {
      const row = first + offset;
      entries[row] = beginningOf(rowDigest(source.columns, cells)) | BigInt(row);
    }
    await nextTurn();
  }
  // Numbers, without a function that compares: a tenth of the time, which nobody is answered in.
  entries.sort();
  return { entries, used: new Uint8Array(Math.ceil(source.count / 8)), unused: new Map() };
}

function beginningOf(digest: bigint): bigint {
  return digest & ~ROW_BITS;
}

/**
 * The earlier row with these cells that no row has found yet: equal rows match one to one, in order.
 * `places` are those of the new columns among the earlier ones.
 */
function takeRow(
  { entries, used, unused }: RowIndex,
  earlier: Job,
  columns: readonly string[],
  cells: readonly string[],
  places: readonly number[],
): number {
  const beginning = beginningOf(rowDigest(columns, cells));
  const isAlike = (at: number) => at < entries.length && beginningOf(entries[at]!) === beginning;
  const isUsed = (at: number) => ((used[at >> 3]! >> (at & 7)) & 1) === 1;
  const first = unused.get(beginning) ?? lowerBound(entries, beginning);
  for (let at = first; isAlike(at); at++) {
    if (isUsed(at)) continue;
    const row = Number(entries[at]! & ROW_BITS);
    const other = earlier.rows.row(row);
    if (!cells.every((cell, column) => cell === other[places[column]!])) continue;
    used[at >> 3]! |= 1 << (at & 7);
    if (at === first && isAlike(at + 1)) unused.set(beginning, at + 1);
    return row;
  }
  return NOWHERE;
}

function lowerBound(sorted: BigUint64Array, value: bigint): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
