import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { systemReasonOf, WindrowError } from '#base';
import type { Axis } from '#model';
import { planErrors, tableErrors } from '../errors.ts';
import { defaultStep, makeRange } from '../rows/range.ts';
import { columnProblems } from '../rows/source.ts';
import { TableScanner } from '../table/scanner.ts';
import { describeOrigin } from '../template/origin.ts';
import type { AxisDraft, PlannedTable } from './draft.ts';

export interface PlannedAxes {
  readonly axes: readonly Axis[];
  readonly tables: readonly PlannedTable[];
  /** Null when a table is standard input, which can be read only once. */
  readonly columns: readonly string[] | null;
  readonly problems: readonly WindrowError[];
}

/** Turns axes as written into the job's, and learns the names of their columns. */
export async function planAxes(drafts: readonly AxisDraft[]): Promise<PlannedAxes> {
  const axes: Axis[] = [];
  const tables: PlannedTable[] = [];
  const columns: string[] = [];
  const problems: WindrowError[] = [];
  let known = true;
  for (const draft of drafts) {
    try {
      if (draft.kind === 'file') {
        if (draft.path === '-' && tables.some(({ path }) => path === '-')) {
          throw planErrors.create('SWEEP_STDIN_TWICE', { where: describeOrigin(draft.origin) });
        }
        axes.push({ kind: 'file', table: `local:${tables.length}` });
        tables.push({ path: draft.path, file: draft.file, format: draft.format });
        const header = await headerOf(draft);
        known &&= header !== null;
        columns.push(...(header ?? []));
      } else {
        const axis = draft.kind === 'range' ? rangeAxis(draft) : valueAxis(draft);
        axes.push(axis);
        columns.push(...(axis.kind === 'range' ? [axis.column] : axis.columns));
      }
    } catch (error) {
      if (!(error instanceof WindrowError)) throw error;
      problems.push(error);
      known = false;
    }
  }
  problems.push(...columnProblems(columns));
  return { axes, tables, columns: known ? columns : null, problems };
}

type Draft<Kind> = Extract<AxisDraft, { kind: Kind }>;

function rangeAxis({ column, from, to, step }: Draft<'range'>): Extract<Axis, { kind: 'range' }> {
  const range = { from, to, step: step ?? defaultStep(column, from, to) };
  makeRange(column, range);
  return { kind: 'range', column, ...range };
}

function valueAxis({ columns, rows }: Draft<'values'>): Extract<Axis, { kind: 'values' }> {
  return { kind: 'values', columns, rows };
}

/** The names in a table's header, read without the rest of it; null for pipes. */
async function headerOf({ path, file, format }: Draft<'file'>): Promise<readonly string[] | null> {
  try {
    const stats = path === '-' ? undefined : await stat(path);
    if (stats?.isDirectory()) throw unreadable(file, 'it is a directory');
    if (format === 'lines') return ['line'];
    // Neither standard input nor <(…) can be read twice.
    if (!stats?.isFile()) return null;
    const scanner = new TableScanner({ format, file });
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 16 })) {
      scanner.push(chunk as Buffer);
      if (scanner.columns) return scanner.columns;
    }
    return scanner.end().columns;
  } catch (error) {
    if (error instanceof WindrowError) throw error;
    throw unreadable(file, systemReasonOf(error));
  }
}

function unreadable(file: string, found: string): WindrowError {
  return tableErrors.create('TABLE_UNREADABLE', { file, found });
}
