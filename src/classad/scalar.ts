/**
 * Values without parts. Integers are JavaScript numbers while they are safe and bigints beyond, so
 * that the usual ones cost nothing; reals are boxed, so that 1 and 1.0 stay apart.
 */
export interface RealValue {
  readonly kind: 'real';
  readonly value: number;
}

export interface ErrorValue {
  readonly kind: 'error';
}

export interface AbsTime {
  readonly kind: 'abstime';
  /** Whole seconds since 1970. */
  readonly epochSeconds: number;
  /** East of Greenwich; only for showing. */
  readonly offsetSeconds: number;
}

export interface RelTime {
  readonly kind: 'reltime';
  readonly seconds: number;
}

export type Integer = number | bigint;

export type Scalar =
  | undefined
  | boolean
  | Integer
  | string
  | RealValue
  | ErrorValue
  | AbsTime
  | RelTime;

export const ERROR: ErrorValue = Object.freeze({ kind: 'error' });

export function real(value: number): RealValue {
  return { kind: 'real', value };
}

export function absTime(epochSeconds: number, offsetSeconds: number): AbsTime {
  return { kind: 'abstime', epochSeconds, offsetSeconds };
}

export function relTime(seconds: number): RelTime {
  // Minus zero is written as zero.
  return { kind: 'reltime', seconds: seconds + 0 };
}

/** Years 0 to 9999: others have no date that can be written and read. */
const FIRST_EPOCH_SECONDS = -62_167_219_200;
const LAST_EPOCH_SECONDS = 253_402_300_799;
const DAY_SECONDS = 86_400;

export function absTimeOrError(epochSeconds: number, offsetSeconds: number): AbsTime | ErrorValue {
  const fits =
    epochSeconds >= FIRST_EPOCH_SECONDS + DAY_SECONDS &&
    epochSeconds <= LAST_EPOCH_SECONDS - DAY_SECONDS &&
    Math.abs(offsetSeconds) < DAY_SECONDS;
  return fits ? absTime(Math.trunc(epochSeconds), Math.trunc(offsetSeconds)) : ERROR;
}

/** Beyond this many seconds, 30 million years, a duration cannot be written and is an error. */
const DURATION_MOST_SECONDS = 1e15;

export function relTimeOrError(seconds: number): RelTime | ErrorValue {
  return Math.abs(seconds) < DURATION_MOST_SECONDS ? relTime(seconds) : ERROR;
}

/** The 64-bit two's complement integer that `value` wraps to, in its one representation. */
export function wrapped(value: bigint): Integer {
  const wrappedValue = BigInt.asIntN(64, value);
  const small = Number(wrappedValue);
  return Number.isSafeInteger(small) ? small : wrappedValue;
}

const MOST = 2n ** 63n - 1n;
const LEAST = -(2n ** 63n);

/** The integer that a double truncates to, or null beyond 64 bits and for NaN and infinities. */
export function truncated(value: number): Integer | null {
  const whole = Math.trunc(value);
  if (Number.isSafeInteger(whole)) return whole + 0;
  if (!Number.isFinite(whole)) return null;
  const exact = BigInt(whole);
  return exact < LEAST || exact > MOST ? null : exact;
}

/** Reads decimal digits with an optional sign; null when the number needs more than 64 bits. */
export function integerFrom(text: string): Integer | null {
  if (text.length <= 15) return Number(text) + 0;
  // Reading a bigint of a million digits takes seconds.
  if (text.length > 30 && text.replace(/^[+-]?0*/, '').length > 19) return null;
  const exact = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return exact < LEAST || exact > MOST ? null : wrapped(exact);
}
