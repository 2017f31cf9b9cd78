/** What stands behind `queue`: `[N] [names] [in|from|matching …]`. */
import { compileExpression, evaluate, localAmbient } from '#classad';

export type Selection = 'in' | 'from' | 'table' | 'files' | 'dirs' | 'any';

/** Python's `[start:end:step]`; null: not given. */
export interface Slice {
  readonly start: number | null;
  readonly end: number | null;
  readonly step: number;
}

export interface QueueWords {
  /** Procs for each item. */
  readonly count: number;
  readonly names: readonly string[];
  /** Null: no items, `count` procs. */
  readonly selection: Selection | null;
  readonly slice: Slice | null;
  /** What is left: items, globs, a file, `command |`. */
  readonly rest: string;
}

const MOST_COUNT = 1_000_000;
const NAMES = /(?:^|[\s,])([A-Za-z_][\w.]*(?:\s*,\s*[A-Za-z_][\w.]*|\s+[A-Za-z_][\w.]*)*)\s*$/;
const SELECTION = /(?:^|\s)(in|from|matching)(?=[\s([]|$)/i;

/** @param words with all macros expanded. Answers with a sentence fragment when they are wrong. */
export function parseQueue(words: string): QueueWords | { readonly problem: string } {
  const found = SELECTION.exec(words);
  const before = (found ? words.slice(0, found.index) : words).trim();
  const after = found ? words.slice(found.index + found[0].length).trim() : '';
  const named = found ? NAMES.exec(before) : null;
  const names = named ? named[1]!.split(/[\s,]+/) : [];
  const countText = (named ? before.slice(0, named.index) : before).replace(/,$/, '').trim();
  const count = countOf(countText);
  if (count === null) {
    return { problem: `"${countText.slice(0, 80)}" is no whole number from 0 to ${MOST_COUNT}` };
  }
  const twice = names.find((name, index) => lower(names).indexOf(name.toLowerCase()) !== index);
  if (twice !== undefined) return { problem: `the variable ${twice} is named twice` };
  if (!found) return { count, names: [], selection: null, slice: null, rest: '' };
  const { selection, rest } = selectionOf(found[1]!.toLowerCase(), after);
  const sliced = sliceOf(rest);
  if ('problem' in sliced) return sliced;
  if (names.length > 1 && selection !== 'from' && selection !== 'table') {
    return { problem: `"${found[1]}" has one variable, found ${names.join(', ')}` };
  }
  return { count, names: names.length === 0 ? ['Item'] : names, selection, ...sliced };
}

function lower(names: readonly string[]): string[] {
  return names.map((name) => name.toLowerCase());
}

function countOf(text: string): number | null {
  if (text === '') return 1;
  const ambient = localAmbient({ now: () => 0, random: () => 0, elapsedMs: () => 0 });
  try {
    const value = evaluate(compileExpression(text), { ambient });
    const isCount = typeof value === 'number' && value >= 0 && value <= MOST_COUNT;
    return isCount && Number.isInteger(value) ? value : null;
  } catch {
    return null;
  }
}

function selectionOf(keyword: string, after: string): { selection: Selection; rest: string } {
  const [, word = '', rest = ''] =
    /^(files|dirs|any|table)(?=[\s([]|$)\s*(.*)$/is.exec(after) ?? [];
  const kind = word.toLowerCase();
  if (keyword === 'matching') {
    const isKind = kind === 'files' || kind === 'dirs' || kind === 'any';
    return isKind ? { selection: kind, rest } : { selection: 'any', rest: after };
  }
  if (keyword === 'in') return { selection: 'in', rest: after };
  return kind === 'table' ? { selection: 'table', rest } : { selection: 'from', rest: after };
}

function sliceOf(text: string): { slice: Slice | null; rest: string } | { problem: string } {
  if (!text.startsWith('[')) return { slice: null, rest: text };
  const found =
    /^\[\s*(-?\d{1,9})?\s*(?:(:)\s*(-?\d{1,9})?\s*(?::\s*(-?\d{1,9})?\s*)?)?\]\s*(.*)$/s.exec(text);
  if (!found) {
    // A glob may begin with a bracket of its own.
    return { slice: null, rest: text };
  }
  const [, start, colon, end, step = '1', rest = ''] = found;
  if (Number(step) < 1)
    return { problem: `the step ${step} of ${text.split(']')[0]}] is not above 0` };
  if (colon === undefined) {
    if (start === undefined) return { problem: 'found [], expected [start:end:step]' };
    const only = Number(start);
    return { slice: { start: only, end: only === -1 ? null : only + 1, step: 1 }, rest };
  }
  const bound = (word: string | undefined) => (word === undefined ? null : Number(word));
  return { slice: { start: bound(start), end: bound(end), step: Number(step) }, rest };
}

/** The rows that a slice takes. */
export function applySlice<T>(rows: readonly T[], slice: Slice | null): readonly T[] {
  if (!slice) return rows;
  const taken = rows.slice(slice.start ?? 0, slice.end ?? rows.length);
  return slice.step === 1 ? taken : taken.filter((_, index) => index % slice.step === 0);
}

/** Items of `in`: separated by commas, blanks and ends of lines. */
export function splitItems(text: string): string[] {
  return text.split(/[\s,]+/).filter((item) => item !== '');
}

/**
 * One row for `count` variables: commas, blanks and tabs separate; the last variable takes the rest
 * as it is. A row with the byte 0x1F is separated by that alone.
 */
export function splitRow(row: string, count: number): string[] {
  if (row.includes('\x1f')) {
    const cells = row.split('\x1f').map((cell) => cell.trim());
    return Array.from({ length: count }, (_, index) => cells[index] ?? '');
  }
  const cells: string[] = [];
  let rest = row.trim();
  while (cells.length < count - 1) {
    const [, cell = '', after = ''] = /^([^\s,]*)(?:\s*,\s*|\s+|$)(.*)$/s.exec(rest) ?? [];
    cells.push(cell);
    rest = after;
  }
  cells.push(rest.trim());
  return cells;
}
