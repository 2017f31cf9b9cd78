import { spend } from './budget.ts';
import { ERROR } from './scalar.ts';
import { type Evaluation, isInteger, numberOf, type Value } from './value.ts';

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

/**
 * `== != < <= > >=`: strings without regard to ASCII case, numbers and booleans by value, times
 * with their like; anything else is an error.
 */
export function compare(
  evaluation: Evaluation,
  operator: Comparison,
  left: Value,
  right: Value,
): Value {
  if (typeof left === 'number' && typeof right === 'number') return holds(operator, left, right);
  if (isError(left) || isError(right)) return ERROR;
  if (left === undefined || right === undefined) return undefined;
  if (typeof left === 'string') {
    if (typeof right !== 'string') return ERROR;
    spend(evaluation, Math.min(left.length, right.length) >> 6);
    return compareText(operator, left, right);
  }
  return compareAmounts(operator, left, right);
}

function isError(value: Value): boolean {
  return typeof value === 'object' && value.kind === 'error';
}

/** NaN is unequal to everything, itself included. */
function holds(operator: Comparison, a: number | bigint, b: number | bigint): boolean {
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
  }
}

function compareText(operator: Comparison, left: string, right: string): boolean {
  if (operator === '==' || operator === '!=') {
    const same =
      left === right || (left.length === right.length && orderIgnoringCase(left, right) === 0);
    return same === (operator === '==');
  }
  return holds(operator, orderIgnoringCase(left, right), 0);
}

function compareAmounts(operator: Comparison, left: Value, right: Value): Value {
  // Both are 64-bit or less: kept apart from reals, so that large ones are not rounded.
  if (isWhole(left) && isWhole(right)) {
    return holds(operator, wholeOf(left), wholeOf(right));
  }
  const x = numberOf(left);
  const y = numberOf(right);
  if (x !== null && y !== null) return holds(operator, x, y);
  if (typeof left !== 'object' || typeof right !== 'object') return ERROR;
  if (left.kind === 'abstime' && right.kind === 'abstime') {
    return holds(operator, left.epochSeconds, right.epochSeconds);
  }
  if (left.kind === 'reltime' && right.kind === 'reltime') {
    return holds(operator, left.seconds, right.seconds);
  }
  return ERROR;
}

function isWhole(value: Value): value is number | bigint | boolean {
  return isInteger(value) || typeof value === 'boolean';
}

function wholeOf(value: number | bigint | boolean): number | bigint {
  return typeof value === 'boolean' ? Number(value) : value;
}

/** Below, at or above 0, as C's `strcasecmp` orders in the C locale. */
export function orderIgnoringCase(left: string, right: string): number {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at += 1) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a === b) continue;
    const [x, y] = [lower(a), lower(b)];
    if (x !== y) return byteOrder(x, y);
  }
  return Math.sign(left.length - right.length);
}

/** Below, at or above 0, by the bytes of UTF-8. */
export function order(left: string, right: string): number {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at += 1) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return byteOrder(a, b);
  }
  return Math.sign(left.length - right.length);
}

/** Surrogates stand for characters beyond all others, though some units have higher numbers. */
function byteOrder(a: number, b: number): number {
  const rank = (unit: number) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
  return rank(a) < rank(b) ? -1 : 1;
}

function lower(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}

/** ASCII only, as C's `tolower` in the C locale. */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (found) => found.toLowerCase());
}

export function asciiUpper(text: string): string {
  return text.replace(/[a-z]+/g, (found) => found.toUpperCase());
}

/**
 * `=?=`: same type and same value, strings with regard to case; never undefined. Two lists or two
 * ads are an error.
 */
export function identical(evaluation: Evaluation, left: Value, right: Value): Value {
  if (left === right && typeof left !== 'object') {
    if (typeof left === 'string') spend(evaluation, left.length >> 6);
    return true;
  }
  if (typeof left !== 'object' || typeof right !== 'object') return false;
  if (left.kind !== right.kind) return false;
  if (left.kind === 'real' && right.kind === 'real') return left.value === right.value;
  if (left.kind === 'reltime' && right.kind === 'reltime') return left.seconds === right.seconds;
  if (left.kind === 'abstime' && right.kind === 'abstime') {
    return left.epochSeconds === right.epochSeconds && left.offsetSeconds === right.offsetSeconds;
  }
  return left.kind === 'error' ? true : ERROR;
}
