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
  /** Inputs, and files that the command names, with other content than before; some of them. */
  readonly changedFiles: readonly string[];
}

const FILES_TOLD = 20;

export function freshRun(rows: number): Rerun {
  const nothing = { changedParts: [], changedFiles: [] };
  return { continues: null, kept: 0, fresh: rows, failed: 0, changed: 0, ...nothing };
}

export function changedRun(earlier: Job, { keyParts, spec }: JobSubmission, rows: number): Rerun {
  const isOther = (part: string) => keyParts[part] !== earlier.keyParts[part];
  const changedParts = Object.keys(keyParts).filter(isOther);
  const changedFiles = filesChanged(earlier.spec, spec as JobSpec, isOther('command'));
  const counts = { kept: 0, fresh: 0, failed: 0, changed: rows };
  const told = { changedParts, changedFiles: changedFiles.slice(0, FILES_TOLD) };
  return { continues: earlier.id, ...counts, ...told };
}

export function takenRun(earlier: Job, kept: number, failed: number, rows: number): Rerun {
  const fresh = rows - kept - failed;
  const changedParts = fresh > 0 ? ['rows'] : [];
  const counts = { kept, fresh, failed, changed: 0 };
  return { continues: earlier.id, ...counts, changedParts, changedFiles: [] };
}

/** A file that came or went is another one, too, unless another command names others. */
function filesChanged(before: JobSpec, after: JobSpec, isOtherCommand: boolean): string[] {
  const [old, now] = [digestsOf(before), digestsOf(after)];
  const names = [...new Set([...now.keys(), ...old.keys()])].sort();
  return names.filter((name) => {
    if (isOtherCommand && !(old.has(name) && now.has(name))) return false;
    return old.get(name) !== now.get(name);
  });
}

function digestsOf({ references, inputs }: JobSpec): ReadonlyMap<string, string> {
  const named = references.map(({ path, sha256 }) => [path, sha256] as const);
  const made = inputs.flatMap(({ name, from }) =>
    'blob' in from ? [[name, from.blob] as const] : [],
  );
  return new Map([...named, ...made]);
}

export function rerunOf(
  earlier: Job | null,
  submission: JobSubmission,
  rows: number,
  taken: { readonly done: number; readonly unfinished: number } | null,
): Rerun {
  if (!earlier) return freshRun(rows);
  if (!taken) return changedRun(earlier, submission, rows);
  return takenRun(earlier, taken.done, taken.unfinished, rows);
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
