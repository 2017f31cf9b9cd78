/** What becomes of the rows of a sweep that was submitted before. */
import type { JobSpec } from '#model';
import type { JobSubmission } from '#wire';
import type { Job } from '../core.ts';

export interface Rerun {
  readonly continues: number | null;
  readonly kept: number;
  readonly fresh: number;
  readonly failed: number;
  readonly changed: number;
  readonly changedParts: readonly string[];
}

export function freshRun(rows: number): Rerun {
  return { continues: null, kept: 0, fresh: rows, failed: 0, changed: 0, changedParts: [] };
}

export function changedRun(
  earlier: Job,
  parts: Readonly<Record<string, string>>,
  rows: number,
): Rerun {
  const changedParts = Object.keys(parts).filter((part) => parts[part] !== earlier.keyParts[part]);
  return { continues: earlier.id, kept: 0, fresh: 0, failed: 0, changed: rows, changedParts };
}

export function takenRun(earlier: Job, kept: number, failed: number, rows: number): Rerun {
  const fresh = rows - kept - failed;
  const changedParts = fresh > 0 ? ['rows'] : [];
  return { continues: earlier.id, kept, fresh, failed, changed: 0, changedParts };
}

export function rerunOf(
  earlier: Job | null,
  submission: JobSubmission,
  rows: number,
  taken: { done: ReadonlyMap<number, number>; unfinished: number } | null,
): Rerun {
  if (!earlier) return freshRun(rows);
  if (!taken) return changedRun(earlier, submission.keyParts, rows);
  return takenRun(earlier, taken.done.size, taken.unfinished, rows);
}

/** What decides where and how long tasks run, but not what their results are: nothing runs again for it. */
const TERMS = {
  requirements: 'requirements',
  rank: 'rank',
  policy: 'policies',
  request: 'requests',
  isolation: 'walls',
  timeoutMs: 'time limit',
  validate: 'validator',
} as const satisfies Partial<Record<keyof JobSpec, string>>;

/** What is told of it. */
export function newTermsNotice(before: JobSpec, after: JobSpec, kept: number): string[] {
  const changed = (Object.keys(TERMS) as (keyof typeof TERMS)[]).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  if (changed.length === 0 || kept === 0) return [];
  const names = changed.map((name) => TERMS[name]).join(', ');
  const stay = kept === 1 ? 'the task that is done stays' : `the ${kept} tasks that are done stay`;
  return [
    `changed since the last time: ${names}; what starts from now on goes by it, ${stay} (--again runs all anew)`,
  ];
}
