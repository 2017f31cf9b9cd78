import { mayMatch, type Pattern, patternOf } from '../pattern.ts';
import { ERROR } from '../scalar.ts';
import type { Evaluation, Value } from '../value.ts';
import { elementsOf, type FunctionTable, isList, made, strict } from './definition.ts';

/** Whether the pattern is found anywhere in the text; ERROR for what cannot be searched. */
export function isFound(evaluation: Evaluation, pattern: Pattern, text: Value): boolean | null {
  if (typeof text !== 'string' || !mayMatch(evaluation, pattern, text.length)) return null;
  return pattern.compiled.matcher(text).find();
}

const regexp = strict(2, 3, ([pattern, text, options = ''], evaluation) => {
  if (typeof pattern !== 'string' || typeof options !== 'string') return ERROR;
  const compiled = patternOf(evaluation, pattern, options);
  return compiled ? (isFound(evaluation, compiled, text) ?? ERROR) : ERROR;
});

/** An undefined element makes it undefined unless another matches. */
const regexpMember = strict(2, 3, ([pattern, list, options = ''], evaluation) => {
  if (typeof pattern !== 'string' || typeof options !== 'string' || !isList(list)) return ERROR;
  const compiled = patternOf(evaluation, pattern, options);
  if (!compiled) return ERROR;
  let otherwise: Value = false;
  for (const element of elementsOf(list, evaluation)) {
    if (element === undefined) otherwise = undefined;
    else {
      const found = isFound(evaluation, compiled, element);
      if (found === null) return ERROR;
      if (found) return true;
    }
  }
  return otherwise;
});

function substitution(always: string) {
  return strict(3, 4, ([pattern, text, replacement, options = ''], evaluation) => {
    if (typeof pattern !== 'string' || typeof text !== 'string') return ERROR;
    if (typeof replacement !== 'string' || typeof options !== 'string') return ERROR;
    const letters = options + always;
    const compiled = patternOf(evaluation, pattern, letters);
    if (!compiled || !mayMatch(evaluation, compiled, text.length)) return ERROR;
    return substituted({ compiled, text, replacement, letters }, evaluation);
  });
}

interface Substitution {
  readonly compiled: Pattern;
  readonly text: string;
  /** `\N` stands for group N. */
  readonly replacement: string;
  /** `f`: with the rest of the text; `g`: every match, not only the first. */
  readonly letters: string;
}

function substituted(
  { compiled, text, replacement, letters }: Substitution,
  evaluation: Evaluation,
): Value {
  const matcher = compiled.compiled.matcher(text);
  const [whole, every] = [letters.includes('f'), letters.includes('g')];
  const parts: string[] = [];
  let from = 0;
  while (matcher.find()) {
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, at) => matcher.group(at));
    const put = filled(replacement, groups, evaluation);
    if (put === null) return ERROR;
    if (whole) parts.push(text.slice(from, matcher.start()));
    parts.push(put);
    from = matcher.end();
    if (!every) break;
    // The next search begins here, but may look at all that is left.
    if (!mayMatch(evaluation, compiled, text.length - from)) return ERROR;
  }
  if (whole) parts.push(text.slice(from));
  return made(evaluation, parts.join(''));
}

/** Null when the replacement names a group that the pattern lacks. */
function filled(
  replacement: string,
  groups: readonly (string | null)[],
  evaluation: Evaluation,
): string | null {
  made(evaluation, replacement);
  let isWhole = true;
  const text = replacement.replace(/\\(\d)/g, (_, digit: string) => {
    const group = Number(digit);
    if (group >= groups.length) isWhole = false;
    // Paid for before all is put together: a short replacement may ask for much.
    return made(evaluation, groups[group] ?? '');
  });
  return isWhole ? text : null;
}

export const regexFunctions: FunctionTable = {
  regexp,
  regexpmember: regexpMember,
  regexps: substitution(''),
  replace: substitution('f'),
  replaceall: substitution('fg'),
};
