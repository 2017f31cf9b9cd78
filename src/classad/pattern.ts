import { RE2JS } from 're2js';
import { spend } from './budget.ts';
import { PATTERN_MOST_CHARACTERS, PATTERN_MOST_WORK } from './limits.ts';
import type { Evaluation } from './value.ts';

export interface Pattern {
  readonly compiled: RE2JS;
  /** Instructions: its work is at most this times the subject's length. */
  readonly size: number;
}

const KEPT = 100;
const kept = new Map<string, Pattern | null>();

/**
 * Compiles a user's pattern for an engine of linear time, which has neither back references nor
 * look-around. Option letters, lower case only: `i m s x`; others mean nothing here. Null for a
 * pattern that is wrong or too long.
 */
export function patternOf(evaluation: Evaluation, text: string, options: string): Pattern | null {
  const letters = ['i', 'm', 's', 'x'].filter((letter) => options.includes(letter)).join('');
  const key = `${letters}:${text}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  spend(evaluation, 1000 + text.length * 10);
  const pattern = compile(text, letters);
  if (kept.size >= KEPT) kept.delete(kept.keys().next().value!);
  kept.set(key, pattern);
  return pattern;
}

function compile(text: string, letters: string): Pattern | null {
  if (text.length > PATTERN_MOST_CHARACTERS) return null;
  const flags =
    (letters.includes('i') ? RE2JS.CASE_INSENSITIVE : 0) |
    (letters.includes('m') ? RE2JS.MULTILINE : 0) |
    (letters.includes('s') ? RE2JS.DOTALL : 0);
  try {
    const compiled = RE2JS.compile(letters.includes('x') ? withoutBlanks(text) : text, flags);
    return { compiled, size: compiled.programSize() };
  } catch {
    // Whatever the engine has against it: a pattern that cannot be used is an error value.
    return null;
  }
}

/** Option x: blanks and comments count only when escaped or in brackets. */
function withoutBlanks(text: string): string {
  return text.replace(/\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|#[^\n]*|\s+/gs, (found) =>
    /^[\\[]/.test(found) ? found : '',
  );
}

/** False when searching that many characters would be too much work. Counts the work. */
export function mayMatch(evaluation: Evaluation, { size }: Pattern, characters: number): boolean {
  const work = size * (characters + 1);
  if (work > PATTERN_MOST_WORK) return false;
  spend(evaluation, work >> 6);
  return true;
}
