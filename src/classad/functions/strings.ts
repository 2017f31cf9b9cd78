import { spend } from '../budget.ts';
import { asciiLower, asciiUpper, order, orderIgnoringCase } from '../comparing.ts';
import { naturalOrder } from '../natural-order.ts';
import { ERROR } from '../scalar.ts';
import type { Evaluation, Value } from '../value.ts';
import { isInteger } from '../value.ts';
import {
  elementsOf,
  type FunctionTable,
  isList,
  made,
  plain,
  strict,
  textOf,
} from './definition.ts';

const strcat = strict(0, Number.POSITIVE_INFINITY, (values, evaluation) =>
  values.reduce((text: string, value) => text + made(evaluation, textOf(value)), ''),
);

/** `join(separator, a, b …)`, `join(separator, list)`, `join(list)`: what is undefined is left out. */
const join = plain(1, Number.POSITIVE_INFINITY, (values, evaluation) => {
  const [separator, pieces] = joined(values, evaluation);
  if (separator === ERROR || pieces.includes(ERROR)) return ERROR;
  const known = pieces.filter((piece) => piece !== undefined);
  if (separator === undefined || (known.length === 0 && pieces.length > 0)) return undefined;
  const between = textOf(separator);
  return known.reduce(
    (text: string, piece, index) =>
      text + made(evaluation, (index > 0 ? between : '') + textOf(piece)),
    '',
  );
});

function joined(
  values: readonly Value[],
  evaluation: Evaluation,
): [separator: Value, pieces: readonly Value[]] {
  const [first, second] = values;
  if (values.length === 1) {
    return ['', isList(first) ? elementsOf(first, evaluation) : [first]];
  }
  if (values.length === 2 && isList(second)) return [first, elementsOf(second, evaluation)];
  return [first, values.slice(1)];
}

function converted(change: (text: string) => string) {
  return strict(1, 1, ([value], evaluation) => made(evaluation, change(textOf(value))));
}

/** By bytes of UTF-8, as `size` counts; a character that is cut is left out. */
const substr = strict(2, 3, ([text, offset, length], evaluation) => {
  if (typeof text !== 'string' || !isInteger(offset)) return ERROR;
  if (length !== undefined && !isInteger(length)) return ERROR;
  spend(evaluation, text.length >> 4);
  const isAscii = !/[^\x00-\x7f]/.test(text);
  const bytes = isAscii ? null : new TextEncoder().encode(text);
  const [from, to] = cut(bytes?.length ?? text.length, Number(offset), length);
  if (!bytes) return made(evaluation, text.slice(from, to));
  const whole = new TextDecoder().decode(bytes.subarray(from, to));
  return made(evaluation, whole.replace(/^\ufffd+|\ufffd+$/g, ''));
});

function cut(size: number, offset: number, length: number | bigint | undefined): [number, number] {
  const from = Math.min(size, offset < 0 ? Math.max(0, size + offset) : offset);
  const wanted = length === undefined ? size : Number(length);
  const to = wanted < 0 ? size + wanted : from + wanted;
  return [from, Math.max(from, Math.min(size, to))];
}

function ordering(compare: (left: string, right: string) => number) {
  return strict(2, 2, ([left, right], evaluation) => {
    const [a, b] = [made(evaluation, textOf(left)), made(evaluation, textOf(right))];
    return compare(a, b);
  });
}

function version(test: (order: number) => boolean | number) {
  return strict(2, 2, ([left, right], evaluation) => {
    if (typeof left !== 'string' || typeof right !== 'string') return ERROR;
    spend(evaluation, (left.length + right.length) >> 4);
    return test(naturalOrder(left, right));
  });
}

const versionInRange = strict(3, 3, ([version, least, most], evaluation) => {
  if (typeof version !== 'string' || typeof least !== 'string' || typeof most !== 'string') {
    return ERROR;
  }
  spend(evaluation, (version.length + least.length + most.length) >> 4);
  return naturalOrder(least, version) <= 0 && naturalOrder(version, most) <= 0;
});

export const stringFunctions: FunctionTable = {
  strcat,
  join,
  toupper: converted(asciiUpper),
  tolower: converted(asciiLower),
  substr,
  strcmp: ordering(order),
  stricmp: ordering(orderIgnoringCase),
  versioncmp: version((found) => found),
  versionlt: version((found) => found < 0),
  versionle: version((found) => found <= 0),
  versiongt: version((found) => found > 0),
  versionge: version((found) => found >= 0),
  versioneq: version((found) => found === 0),
  version_in_range: versionInRange,
};
