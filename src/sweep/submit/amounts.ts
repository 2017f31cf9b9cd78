/** Numbers of submit descriptions: plain, with a suffix, or expressions that are one. */
import { type Ad, adOfValues, compileExpression, evaluate, localAmbient } from '#classad';

const SUFFIXES = 'KMGT';
const NOTHING_KNOWN: Ad = adOfValues({});

/**
 * `2048`, `2 GB`, `1.5T`: suffixes are powers of 1024; without one the unit is `unitBytes`. An
 * expression counts for what it is while nothing has run yet. Null: no amount.
 */
export function amountBytes(text: string, unitBytes: number): number | null {
  const found = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*(?:([KMGT])i?B?|(B))?\s*$/i.exec(text);
  if (!found) {
    const value = numberOf(text);
    return value === null ? null : Math.ceil(value * unitBytes);
  }
  const [, digits, suffix, isBytes] = found;
  const power = suffix === undefined ? 0 : SUFFIXES.indexOf(suffix.toUpperCase()) + 1;
  const unit = suffix !== undefined ? 1024 ** power : isBytes ? 1 : unitBytes;
  return Math.ceil(Number(digits) * unit);
}

/** The number that an expression is in an ad that says nothing; null: it is none, or below 0. */
export function numberOf(text: string): number | null {
  const ambient = localAmbient({ now: () => 0, random: () => 0, elapsedMs: () => 0 });
  try {
    const value = evaluate(compileExpression(text), { my: NOTHING_KNOWN, ambient });
    const plain = typeof value === 'object' && value.kind === 'real' ? value.value : value;
    const isNumber = typeof plain === 'number' && Number.isFinite(plain) && plain >= 0;
    return isNumber ? plain : null;
  } catch {
    return null;
  }
}

/** `true`, `yes`, `1` …; null: neither that nor its contrary. */
export function truthOfWord(text: string): boolean | null {
  if (/^\s*(true|yes|t|y|1)\s*$/i.test(text)) return true;
  return /^\s*(false|no|f|n|0)\s*$/i.test(text) ? false : null;
}
