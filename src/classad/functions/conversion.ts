import { asciiLower } from '../comparing.ts';
import { ERROR, integerFrom, real, truncated } from '../scalar.ts';
import { isInteger, numberOf, truthOf, type Value } from '../value.ts';
import { type FunctionTable, made, strict, textOf } from './definition.ts';

const NUMBER = /^\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*$/;
const WHOLE = /^\s*([+-]?\d+)\s*$/;
const SPECIAL_REALS: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  nan: Number.NaN,
};

/** What `real()` makes of a value, as a double; null when it is no number. */
export function doubleOf(value: Value): number | null {
  if (typeof value === 'string') {
    const text = NUMBER.exec(value)?.[1];
    return text === undefined ? (SPECIAL_REALS[asciiLower(value.trim())] ?? null) : Number(text);
  }
  if (typeof value === 'object' && value.kind === 'abstime') return value.epochSeconds;
  if (typeof value === 'object' && value.kind === 'reltime') return value.seconds;
  return numberOf(value);
}

/** What `int()` makes of a value: truncated; ERROR when that is no number of 64 bits. */
export function wholeOf(value: Value): Value {
  if (isInteger(value)) return value;
  if (typeof value === 'string') {
    const text = WHOLE.exec(value)?.[1];
    if (text !== undefined) return integerFrom(text) ?? ERROR;
  }
  const double = doubleOf(value);
  return double === null ? ERROR : (truncated(double) ?? ERROR);
}

const toReal = strict(1, 1, ([value]) => {
  const double = doubleOf(value);
  return double === null ? ERROR : real(double);
});

const toText = strict(1, 1, ([value], evaluation) =>
  typeof value === 'object' && value.kind === 'classad' ? ERROR : made(evaluation, textOf(value)),
);

const toBoolean = strict(1, 1, ([value]) => {
  if (typeof value !== 'string') return truthOf(value);
  const text = asciiLower(value);
  return text === 'true' ? true : text === 'false' ? false : undefined;
});

export const conversionFunctions: FunctionTable = {
  int: strict(1, 1, ([value]) => wholeOf(value)),
  real: toReal,
  string: toText,
  bool: toBoolean,
};
