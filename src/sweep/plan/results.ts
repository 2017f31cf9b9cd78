import type { ResultSource } from '#model';
import type { SweepDocument } from '../file/schema.ts';

type ResultDraft = NonNullable<SweepDocument['results']>[string];

/** Without [results] there is one: what the program prints, even if that is nothing. */
const DEFAULT_RESULTS: readonly ResultSource[] = [
  { name: 'stdout', from: { kind: 'stdout' }, required: false },
];

export function planResults(results: SweepDocument['results']): readonly ResultSource[] {
  if (results === undefined) return DEFAULT_RESULTS;
  return Object.entries(results).map(([name, draft]) => planResult(name, draft));
}

function planResult(name: string, draft: ResultDraft): ResultSource {
  if (typeof draft === 'string') return { name, from: sourceOf(draft), required: true };
  const from =
    'glob' in draft ? ({ kind: 'glob', pattern: draft.glob } as const) : sourceOf(draft.from);
  return { name, from, required: draft.required ?? true };
}

/** `stdout`, `stderr`, a path, or a glob when there is one of `* ? [` outside placeholders. */
function sourceOf(text: string): ResultSource['from'] {
  if (text === 'stdout' || text === 'stderr') return { kind: text };
  const fixed = text.replace(/\$\{[^}]*\}/g, '');
  return /[*?[]/.test(fixed) ? { kind: 'glob', pattern: text } : { kind: 'file', path: text };
}
