import {
  type AbsTime,
  absTimeOrError,
  ERROR,
  type Integer,
  type RealValue,
  real,
  relTimeOrError,
  wrapped,
} from './scalar.ts';
import type { UnaryOperator } from './tree.ts';
import { isInteger, numberOf, truthOf, type Value } from './value.ts';

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';
export type BitOperator = '&' | '|' | '^' | '<<' | '>>' | '>>>';

const MOST = 2n ** 63n - 1n;
const LEAST = -(2n ** 63n);

/** ERROR or UNDEFINED when an operand is; null when both are proper values. */
function spoiled(left: Value, right: Value): { readonly value: Value } | null {
  if (isError(left) || isError(right)) return { value: ERROR };
  return left === undefined || right === undefined ? { value: undefined } : null;
}

function isError(value: Value): boolean {
  return typeof value === 'object' && value.kind === 'error';
}

/** `+ - * / %`: integers wrap at 64 bits, any real makes a real, times combine with times. */
export function arithmetic(operator: ArithmeticOperator, left: Value, right: Value): Value {
  if (typeof left === 'number' && typeof right === 'number') {
    const quick = smallArithmetic(operator, left, right);
    if (quick !== null) return quick;
  }
  const spoilt = spoiled(left, right);
  if (spoilt) return spoilt.value;
  if (isTime(left) || isTime(right)) return timeArithmetic(operator, left, right);
  const a = integerOf(left);
  const b = integerOf(right);
  if (a !== null && b !== null) return wideArithmetic(operator, BigInt(a), BigInt(b));
  const x = numberOf(left);
  const y = numberOf(right);
  return x === null || y === null ? ERROR : realArithmetic(operator, x, y);
}

/** Null when the result may not be exact as a double. */
function smallArithmetic(operator: ArithmeticOperator, a: number, b: number): Value | null {
  switch (operator) {
    case '+':
      return orWide(a + b);
    case '-':
      return orWide(a - b);
    case '*':
      return orWide(a * b);
    case '/':
      return b === 0 ? ERROR : (a - (a % b)) / b + 0;
    case '%':
      return b === 0 ? ERROR : (a % b) + 0;
  }
}

function orWide(result: number): number | null {
  return Number.isSafeInteger(result) ? result + 0 : null;
}

function wideArithmetic(operator: ArithmeticOperator, a: bigint, b: bigint): Value {
  switch (operator) {
    case '+':
      return wrapped(a + b);
    case '-':
      return wrapped(a - b);
    case '*':
      return wrapped(a * b);
    case '/':
      if (b === 0n) return ERROR;
      // The one quotient that 64 bits cannot hold.
      return a === LEAST && b === -1n ? MOST : wrapped(a / b);
    case '%':
      return b === 0n ? ERROR : wrapped(a % b);
  }
}

function realArithmetic(operator: ArithmeticOperator, x: number, y: number): Value {
  switch (operator) {
    case '+':
      return orError(x + y);
    case '-':
      return orError(x - y);
    case '*':
      return orError(x * y);
    case '/':
      return orError(x / y);
    case '%':
      return ERROR;
  }
}

/** HTCondor calls +infinity an error, but neither -infinity nor NaN. */
function orError(result: number): Value {
  return result === Number.POSITIVE_INFINITY ? ERROR : real(result);
}

function isTime(value: Value): boolean {
  return typeof value === 'object' && (value.kind === 'abstime' || value.kind === 'reltime');
}

function timeArithmetic(operator: ArithmeticOperator, left: Value, right: Value): Value {
  const a = timeParts(left);
  const b = timeParts(right);
  if (a === null || b === null) return ERROR;
  switch (`${a.kind} ${operator} ${b.kind}`) {
    case 'abstime + reltime':
      return shifted(a.time!, b.amount);
    case 'reltime + abstime':
      return shifted(b.time!, a.amount);
    case 'abstime - reltime':
      return shifted(a.time!, -b.amount);
    case 'abstime - abstime':
    case 'reltime - reltime':
      return relTimeOrError(a.amount - b.amount);
    case 'reltime + reltime':
      return relTimeOrError(a.amount + b.amount);
    case 'reltime * number':
    case 'number * reltime':
      return relTimeOrError(a.amount * b.amount);
    case 'reltime / number':
      return b.amount === 0 ? ERROR : relTimeOrError(a.amount / b.amount);
    default:
      return ERROR;
  }
}

interface TimeParts {
  readonly kind: 'abstime' | 'reltime' | 'number';
  readonly amount: number;
  readonly time?: AbsTime;
}

function timeParts(value: Value): TimeParts | null {
  if (typeof value === 'object' && value.kind === 'abstime') {
    return { kind: 'abstime', amount: value.epochSeconds, time: value };
  }
  if (typeof value === 'object' && value.kind === 'reltime') {
    return { kind: 'reltime', amount: value.seconds };
  }
  const amount = typeof value === 'boolean' ? null : numberOf(value);
  return amount === null ? null : { kind: 'number', amount };
}

function shifted(time: AbsTime, seconds: number): Value {
  return absTimeOrError(time.epochSeconds + Math.trunc(seconds), time.offsetSeconds);
}

function integerOf(value: Value): Integer | null {
  if (isInteger(value)) return value;
  return typeof value === 'boolean' ? Number(value) : null;
}

/** `& | ^ << >> >>>`: integers only; shift counts are taken modulo 64. */
export function bitwise(operator: BitOperator, left: Value, right: Value): Value {
  const spoilt = spoiled(left, right);
  if (spoilt) return spoilt.value;
  if (!isInteger(left) || !isInteger(right)) return ERROR;
  const [a, b] = [BigInt(left), BigInt(right)];
  switch (operator) {
    case '&':
      return wrapped(a & b);
    case '|':
      return wrapped(a | b);
    case '^':
      return wrapped(a ^ b);
    case '<<':
      return wrapped(a << (b & 63n));
    case '>>':
      return wrapped(a >> (b & 63n));
    case '>>>':
      return wrapped(BigInt.asUintN(64, a) >> (b & 63n));
  }
}

export function unary(operator: UnaryOperator, value: Value): Value {
  if (value === undefined || isError(value)) return value;
  switch (operator) {
    case '!': {
      const truth = truthOf(value);
      return typeof truth === 'boolean' ? !truth : truth;
    }
    case '~':
      return isInteger(value) ? wrapped(~BigInt(value)) : ERROR;
    case '+':
      return isInteger(value) || isSigned(value) ? value : ERROR;
    case '-':
      return negated(value);
  }
}

function isSigned(value: Value): boolean {
  return typeof value === 'object' && (value.kind === 'real' || value.kind === 'reltime');
}

function negated(value: Value): Value {
  if (typeof value === 'number') return 0 - value;
  if (typeof value === 'bigint') return wrapped(-value);
  if (typeof value !== 'object') return ERROR;
  if (value.kind === 'real') return real(-value.value);
  return value.kind === 'reltime' ? relTimeOrError(-value.seconds) : ERROR;
}

export function isReal(value: Value): value is RealValue {
  return typeof value === 'object' && value.kind === 'real';
}
