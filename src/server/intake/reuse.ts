/**
 * Which rows of a new job were done by an earlier one of its lineage: same row, same key. Rows are
 * found by a 64-bit digest and then compared cell by cell, so a collision costs time, never a
 * wrong result. Works in slices, so that the server goes on answering.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type TaskIndex, TaskState } from '#model';
import { type RowSource, rowDigest } from '#sweep';
import type { Job } from '../core.ts';

const SLICE_ROWS = 2000;
/** Of those that would run, so many are told of: a list of all could have millions. */
const FIRST_OPEN = 20;

/** A row that is to run, and why: it is new, failed or did not end, or its job changed. */
export interface OpenRow {
  readonly task: TaskIndex;
  readonly why: 'fresh' | 'failed' | 'changed';
}

export interface Taken {
  /** Task of the new job → task of the earlier one whose result it takes over. */
  readonly done: ReadonlyMap<TaskIndex, TaskIndex>;
  /** Rows the earlier job had too, but without a result. */
  readonly unfinished: number;
  readonly firstOpen: readonly OpenRow[];
}

/** All rows run, for one reason. */
export function firstOpenOf(rows: number, why: OpenRow['why']): readonly OpenRow[] {
  return Array.from({ length: Math.min(rows, FIRST_OPEN) }, (_, task) => ({ task, why }));
}

/**
 * @param columns must be the same as the earlier job's, or nothing is taken
 */
export async function rowsDoneBefore(earlier: Job, rows: RowSource): Promise<Taken> {
  const done = new Map<TaskIndex, TaskIndex>();
  if (rows.columns.join('\0') !== earlier.columns.join('\0')) {
    return { done, unfinished: 0, firstOpen: firstOpenOf(rows.count, 'fresh') };
  }
  const index = await indexRows(earlier.rows);
  const used = new Set<TaskIndex>();
  const firstOpen: OpenRow[] = [];
  let unfinished = 0;
  for (let from = 0; from < rows.count; from += SLICE_ROWS) {
    for (const [offset, cells] of rows.rows(from, SLICE_ROWS).entries()) {
      const task = from + offset;
      const before = findRow(index, earlier, rows.columns, cells, used);
      if (before !== null) used.add(before);
      if (before !== null && earlier.tasks.state(before) === TaskState.done) {
        done.set(task, before);
        continue;
      }
      if (before !== null) unfinished++;
      if (firstOpen.length < FIRST_OPEN) {
        firstOpen.push({ task, why: before === null ? 'fresh' : 'failed' });
      }
    }
    await nextTurn();
  }
  return { done, unfinished, firstOpen };
}

interface RowIndex {
  /** Sorted digests, and the row of each. */
  readonly digests: BigUint64Array;
  readonly rows: Uint32Array;
}

async function indexRows(source: RowSource): Promise<RowIndex> {
  const digests = new BigUint64Array(source.count);
  for (let from = 0; from < source.count; from += SLICE_ROWS) {
    for (const [offset, cells] of source.rows(from, SLICE_ROWS).entries()) {
      digests[from + offset] = rowDigest(source.columns, cells);
    }
    await nextTurn();
  }
  const rows = Uint32Array.from({ length: source.count }, (_, row) => row);
  rows.sort((a, b) => (digests[a]! < digests[b]! ? -1 : digests[a]! > digests[b]! ? 1 : a - b));
  return { digests: BigUint64Array.from(rows, (row) => digests[row]!), rows };
}

/** Equal rows are matched one to one, in order. */
function findRow(
  index: RowIndex,
  earlier: Job,
  columns: readonly string[],
  cells: readonly string[],
  used: ReadonlySet<TaskIndex>,
): TaskIndex | null {
  const digest = rowDigest(columns, cells);
  for (let at = lowerBound(index.digests, digest); index.digests[at] === digest; at++) {
    const row = index.rows[at]!;
    if (used.has(row)) continue;
    const other = earlier.rows.row(row);
    if (cells.every((cell, column) => cell === other[column])) return row;
  }
  return null;
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
