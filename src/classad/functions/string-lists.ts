import { asciiLower } from '../comparing.ts';
import { patternOf } from '../pattern.ts';
import { ERROR, real, truncated } from '../scalar.ts';
import type { Evaluation, Value } from '../value.ts';
import { doubleOf, wholeOf } from './conversion.ts';
import { type FunctionTable, made, plain, strict } from './definition.ts';
import { isFound } from './regexes.ts';

const DEFAULT_DELIMITERS = ', ';

/** The items of a list kept in a string; empty ones do not count. */
function itemsOf(text: string, delimiters: string, evaluation: Evaluation): string[] {
  made(evaluation, text);
  const ends = new Set(made(evaluation, delimiters));
  const items: string[] = [];
  let from = 0;
  for (let at = 0; at <= text.length; at += 1) {
    if (at < text.length && !ends.has(text[at]!)) continue;
    const item = text.slice(from, at).trim();
    if (item !== '') items.push(item);
    from = at + 1;
  }
  return items;
}

type OfItems = (items: readonly string[], evaluation: Evaluation) => Value;

function ofList(make: OfItems) {
  return strict(1, 2, ([list, delimiters = DEFAULT_DELIMITERS], evaluation) => {
    if (typeof list !== 'string' || typeof delimiters !== 'string') return ERROR;
    return make(itemsOf(list, delimiters, evaluation), evaluation);
  });
}

const WHOLE = /^[+-]?\d+$/;

/** The items as numbers: whole when all look so; null when one is no number. */
function numbersIn(items: readonly string[]): { values: number[]; allWhole: boolean } | null {
  const values = items.map((item) => doubleOf(item));
  if (values.includes(null)) return null;
  return { values: values as number[], allWhole: items.every((item) => WHOLE.test(item)) };
}

function number(value: number, whole: boolean): Value {
  return whole ? (truncated(value) ?? ERROR) : real(value);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}

const sum = ofList((items) => {
  const found = numbersIn(items);
  if (!found) return ERROR;
  return number(sumOf(found.values), found.allWhole && items.length > 0);
});

/** Always real: HTCondor's own truncates lists of integers, against its manual. */
const average = ofList((items) => {
  const found = numbersIn(items);
  if (!found) return ERROR;
  return real(items.length === 0 ? 0 : sumOf(found.values) / items.length);
});

function extreme(better: (a: number, b: number) => boolean) {
  return ofList((items) => {
    const found = numbersIn(items);
    if (!found) return ERROR;
    if (items.length === 0) return undefined;
    const best = found.values.reduce((kept, one) => (better(one, kept) ? one : kept));
    if (!found.allWhole) return real(best);
    return wholeOf(items[found.values.indexOf(best)]);
  });
}

/** What is undefined is as an empty string, unless both are. */
function ofPair(make: (first: string, list: readonly string[], split: Split) => boolean) {
  return plain(2, 3, ([first, list, delimiters = DEFAULT_DELIMITERS], evaluation) => {
    if (first === undefined && list === undefined) return undefined;
    const [left, right] = [first ?? '', list ?? ''];
    if (typeof left !== 'string' || typeof right !== 'string' || typeof delimiters !== 'string') {
      return ERROR;
    }
    const split: Split = (text) => itemsOf(text, delimiters, evaluation);
    return make(left, split(right), split);
  });
}

type Split = (text: string) => string[];
const same = (text: string) => text;

function isMember(fold: (text: string) => string) {
  return ofPair((first, list) => {
    const wanted = fold(first);
    return list.some((item) => item.length === wanted.length && fold(item) === wanted);
  });
}

function isSubset(fold: (text: string) => string) {
  return ofPair((first, list, split) => {
    const all = new Set(list.map(fold));
    return split(first).every((item) => all.has(fold(item)));
  });
}

const intersect = strict(2, 3, ([left, right, delimiters = DEFAULT_DELIMITERS], evaluation) => {
  if (typeof left !== 'string' || typeof right !== 'string' || typeof delimiters !== 'string') {
    return ERROR;
  }
  const all = new Set(itemsOf(right, delimiters, evaluation));
  return itemsOf(left, delimiters, evaluation).some((item) => all.has(item));
});

const regexpMember = strict(
  2,
  4,
  ([pattern, list, delimiters = DEFAULT_DELIMITERS, options = ''], evaluation) => {
    if (typeof pattern !== 'string' || typeof list !== 'string') return ERROR;
    if (typeof delimiters !== 'string' || typeof options !== 'string') return ERROR;
    const compiled = patternOf(evaluation, pattern, options);
    if (!compiled) return ERROR;
    const items = itemsOf(list, delimiters, evaluation);
    if (items.length === 0) return undefined;
    const found = items.map((item) => isFound(evaluation, compiled, item));
    return found.includes(null) ? ERROR : found.includes(true);
  },
);

export const stringListFunctions: FunctionTable = {
  stringlistsize: ofList((items) => items.length),
  stringlistsum: sum,
  stringlistavg: average,
  stringlistmin: extreme((one, kept) => one < kept),
  stringlistmax: extreme((one, kept) => one > kept),
  stringlistmember: isMember(same),
  stringlistimember: isMember(asciiLower),
  stringlistsubsetmatch: isSubset(same),
  stringlistisubsetmatch: isSubset(asciiLower),
  stringlistsintersect: intersect,
  stringlist_regexpmember: regexpMember,
};
