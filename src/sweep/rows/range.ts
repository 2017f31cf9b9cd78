import { rowErrors } from '../errors.ts';

/** Fraction digits and exponents beyond this are no parameter but a slip of the keyboard. */
const MAX_SCALE = 60;

/** An arithmetic progression in exact decimals: value i is `(first + i × step) / 10^scale`. */
export interface Range {
  readonly count: bigint;
  readonly first: bigint;
  readonly step: bigint;
  readonly scale: number;
}

interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/** `1..1000`, `0.1..0.5..0.05`: the parts as written. @throws RANGE_BAD_NUMBER */
export function splitRange(
  column: string,
  text: string,
): { from: string; to: string; step: string | undefined } {
  const [from, to, step, ...rest] = text.split('..').map((part) => part.trim());
  if (from === undefined || to === undefined || rest.length > 0) {
    throw badNumber(column, text.slice(0, 80), 'FROM..TO or FROM..TO..STEP');
  }
  return { from, to, step };
}

/** The step of a range whose writer gave none. @throws RANGE_BAD_NUMBER */
export function defaultStep(column: string, from: string, to: string): string {
  const [first, last] = align([parseDecimal(column, from), parseDecimal(column, to)]).digits;
  return last! < first! ? '-1' : '1';
}

/** @throws RANGE_BAD_NUMBER, RANGE_EMPTY */
export function makeRange(
  column: string,
  { from, to, step }: { from: string; to: string; step: string },
): Range {
  const decimals = [from, to, step].map((text) => parseDecimal(column, text));
  const { digits, scale } = align(decimals);
  const [first, last, by] = digits as [bigint, bigint, bigint];
  if (by === 0n) throw badNumber(column, step, 'a step other than 0');
  if (last !== first && last > first !== by > 0n) {
    throw rowErrors.create('RANGE_EMPTY', { column, from, to, step });
  }
  return { count: (last - first) / by + 1n, first, step: by, scale };
}

/** A function from the number of a value to its text; exact, without trailing zeros. */
export function rangePrinter({ count, first, step, scale }: Range): (index: number) => string {
  const last = first + step * (count - 1n);
  const largest = [first, last, step].reduce((most, n) => (abs(n) > most ? abs(n) : most), 0n);
  // Number arithmetic is exact here and much faster than BigInt.
  if (largest <= BigInt(Number.MAX_SAFE_INTEGER) / 2n) {
    const [firstNumber, stepNumber] = [Number(first), Number(step)];
    return (index) => printDecimal(String(firstNumber + index * stepNumber), scale);
  }
  return (index) => printDecimal(String(first + step * BigInt(index)), scale);
}

function parseDecimal(column: string, text: string): Decimal {
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  const whole = parts?.[2] ?? '';
  const fraction = parts?.[3] ?? '';
  if (!parts || whole + fraction === '') throw badNumber(column, text, 'a decimal number');
  const exponent = Number(parts[4] ?? 0);
  if (whole.length + fraction.length + Math.abs(exponent) > MAX_SCALE) {
    throw badNumber(column, text.slice(0, 80), `a number of at most ${MAX_SCALE} digits`);
  }
  const magnitude = BigInt(whole + fraction);
  const digits = parts[1] === '-' ? -magnitude : magnitude;
  const scale = fraction.length - exponent;
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

function align(decimals: readonly Decimal[]): { digits: bigint[]; scale: number } {
  const scale = Math.max(...decimals.map((decimal) => decimal.scale));
  const digits = decimals.map((one) => one.digits * 10n ** BigInt(scale - one.scale));
  return { digits, scale };
}

function printDecimal(digits: string, scale: number): string {
  if (scale === 0) return digits;
  const negative = digits[0] === '-';
  const padded = (negative ? digits.slice(1) : digits).padStart(scale + 1, '0');
  const fraction = padded.slice(-scale).replace(/0+$/, '');
  const whole = padded.slice(0, -scale);
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function badNumber(column: string, found: string, expected: string): Error {
  return rowErrors.create('RANGE_BAD_NUMBER', { column, found, expected });
}
