/**
 * Requirements and ranks may look at the parameters of a row. Rows that have the same in the columns that
 * these look at are one kind, and a plan is made for kinds, never for tasks: which kind each task is of is
 * found out once, in slices, and kept in a byte.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Ad, findAttribute, namesThrough } from '#classad';
import { type JobSpec, type TaskIndex, withRow } from '#model';
import type { JobView } from '#scheduler';
import { adOfJob } from './ads/facts.ts';
import type { Job } from './core.ts';
import { serverErrors } from './errors.ts';

/** A byte tells so many apart; and each is a job of its own for the plan. */
const MOST_KINDS = 250;
const SLICE_ROWS = 2000;

export interface RowKinds {
  /** Columns that requirements or rank look at. */
  readonly columns: readonly string[];
  /** Their cells, by kind. */
  readonly cells: readonly (readonly string[])[];
  /** By task. */
  readonly of: Uint8Array;
}

/** @throws WindrowError REQUIREMENTS_TOO_VARIED, or why its rows cannot be read */
export async function rowKindsOf(job: Job): Promise<RowKinds | null> {
  const columns = columnsLookedAt(job);
  return columns.length === 0 ? null : await kindsOf(job, columns);
}

/** Before anything of the job is handed out, and when it looks at other columns. */
export function sortTasks(job: Job, kinds: RowKinds | null): void {
  job.kinds = kinds;
  job.tasks.sort(kinds);
}

function columnsLookedAt(job: Job): string[] {
  const { spec, columns } = job;
  if (spec.requirements === '' && spec.rank === '') return [];
  const ad = adOfJob(job);
  const attributesOf = (name: string) => [findAttribute(ad, name) ?? []].flat();
  const names = namesThrough(['requirements', 'rank'].flatMap(attributesOf), attributesOf);
  // What the job tells by itself hides a column of the same name.
  return columns.filter(
    (column) => names?.has(column.toLowerCase()) && findAttribute(ad, column) === undefined,
  );
}

async function kindsOf({ rows, columns }: Job, wanted: readonly string[]): Promise<RowKinds> {
  const places = wanted.map((column) => columns.indexOf(column));
  const known = new Map<string, number>();
  const cells: (readonly string[])[] = [];
  const of = new Uint8Array(rows.count);
  for (let from = 0; from < rows.count; from += SLICE_ROWS) {
    for (const [offset, row] of rows.rows(from, SLICE_ROWS).entries()) {
      const own = places.map((place) => row[place] ?? '');
      const key = own.join('\0');
      let kind = known.get(key);
      if (kind === undefined) {
        if (known.size === MOST_KINDS) {
          const facts = { columns: wanted.join(', '), most: MOST_KINDS };
          throw serverErrors.create('REQUIREMENTS_TOO_VARIED', facts);
        }
        kind = known.size;
        known.set(key, kind);
        cells.push(own);
      }
      of[from + offset] = kind;
    }
    await nextTurn();
  }
  return { columns: wanted, cells, of };
}

/** Kept, for what was found out of an ad is kept with it. */
const ads = new WeakMap<JobSpec, { readonly kinds: RowKinds; readonly ads: Ad[] }>();

/** What is matched with machines for a task: its job's, with the parameters that count. */
export function adForTask(job: Job, task: TaskIndex): Ad {
  return job.kinds ? adOfRowKind(job, job.kinds, job.kinds.of[task]!) : adOfJob(job);
}

function adOfRowKind(job: Job, kinds: RowKinds, kind: number): Ad {
  const known = ads.get(job.spec);
  if (known?.kinds === kinds) return known.ads[kind]!;
  const made = kinds.cells.map((cells) => withRow(adOfJob(job), kinds.columns, cells));
  ads.set(job.spec, { kinds, ads: made });
  return made[kind]!;
}

/** `mem = 64, side = left` */
export function rowKindText({ columns, cells }: RowKinds, kind: number): string {
  return columns.map((column, at) => `${column} = ${cells[kind]![at]}`).join(', ');
}

/** One view for each kind of rows, also of those that have none ready; none where all rows are alike. */
export function viewsOfRows(
  job: Job,
  view: JobView,
  nextId: () => number,
): { readonly view: JobView; readonly kind: number }[] {
  const { kinds } = job;
  if (!kinds) return [];
  return kinds.cells.map((_, kind) => {
    const ready = job.tasks.readyOf(kind);
    const ad = adOfRowKind(job, kinds, kind);
    return { kind, view: { ...view, id: nextId(), ad, ready, delayed: 0, running: 0 } };
  });
}
