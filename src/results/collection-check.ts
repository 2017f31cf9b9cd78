import { type Collection, hasManyFiles, type ResultSource } from '#model';
import { resultsErrors } from './errors.ts';
import { unsafeName } from './file-names.ts';

/** Names in an output directory that are not results. Compared without case, for such disks. */
const RESERVED = [
  'collected',
  'quarantine',
  'results.csv',
  'results.parquet',
  'results.sqlite',
  'tasks',
];
/** SQLite's own limit in its default build. */
const MAX_COLUMNS = 2000;

export interface CollectionPlan {
  readonly collection: Collection;
  readonly sources: readonly ResultSource[];
  readonly columns: readonly string[];
  readonly keep: 'packed' | 'files';
}

/**
 * Refuses up front what could not be collected at the end. Errors: `COLLECT_NAME_UNSAFE`,
 * `COLLECT_TABLE_UNFIT`, `CODE_UNSUPPORTED`.
 */
export function checkCollection(plan: CollectionPlan): void {
  const seen = new Set<string>();
  for (const { name } of plan.sources) {
    const reason = unsafeName(name) ?? reservedReason(name, plan) ?? repeatedReason(name, seen);
    if (reason) throw resultsErrors.create('COLLECT_NAME_UNSAFE', { name, reason });
  }
  if (plan.collection.kind === 'table') checkTable(plan, plan.collection.formats);
  if (plan.collection.kind === 'module' && plan.collection.code.kind !== 'module') {
    const { kind } = plan.collection.code;
    throw resultsErrors.create('CODE_UNSUPPORTED', { what: 'collector', kind });
  }
}

function reservedReason(name: string, plan: CollectionPlan): string | null {
  const lower = name.toLowerCase();
  if (RESERVED.includes(lower)) return 'a file or folder of that name has another meaning there';
  if (plan.keep === 'files' && lower === 'logs') return 'each task has a folder of that name';
  return null;
}

function repeatedReason(name: string, seen: Set<string>): string | null {
  const lower = name.toLowerCase();
  if (seen.has(lower)) return 'another result has that name';
  seen.add(lower);
  return null;
}

function checkTable(plan: CollectionPlan, formats: readonly string[]): void {
  const unfit = (reason: string) => resultsErrors.create('COLLECT_TABLE_UNFIT', { reason });
  const glob = plan.sources.find(({ from }) => hasManyFiles(from));
  if (glob) throw unfit(`result ${glob.name} may have many files`);
  const names = [...plan.columns, ...plan.sources.map(({ name }) => name)];
  if (names.length > MAX_COLUMNS) throw unfit(`it would have ${names.length} columns`);
  // SQLite does not tell columns apart by case; the other formats do.
  const key = (name: string) => (formats.includes('sqlite') ? name.toLowerCase() : name);
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(key(name))) throw unfit(`the column ${name} would be there twice`);
    seen.add(key(name));
  }
}
