import { isReal } from '../operators.ts';
import { ERROR, real, truncated, wrapped } from '../scalar.ts';
import { isInteger, numberOf, type Value } from '../value.ts';
import { doubleOf, wholeOf } from './conversion.ts';
import { definite, elementsOf, type FunctionTable, isList, plain, strict } from './definition.ts';

function rounding(round: (value: number) => number) {
  return definite(1, 1, ([value]) => {
    if (isInteger(value)) return value;
    const double = doubleOf(value);
    return double === null ? ERROR : (truncated(round(double)) ?? ERROR);
  });
}

/** Halves go to the even neighbour, as C's `rint`. */
function toEven(value: number): number {
  const down = Math.floor(value);
  const part = value - down;
  if (part !== 0.5) return part < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

const MOST = 2n ** 63n;

const power = definite(2, 2, ([base, exponent]) => {
  const [x, y] = [numberOf(base), numberOf(exponent)];
  if (x === null || y === null) return ERROR;
  if (isInteger(base) && isInteger(exponent) && exponent >= 0) {
    const exact = wholePower(BigInt(base), BigInt(exponent));
    if (exact !== null) return wrapped(exact);
  }
  const result = x ** y;
  return result === Number.POSITIVE_INFINITY ? ERROR : real(result);
});

/** Null beyond 64 bits. */
function wholePower(base: bigint, exponent: bigint): bigint | null {
  if (base === 0n || base === 1n) return exponent === 0n ? 1n : base;
  if (base === -1n) return exponent % 2n === 0n ? 1n : -1n;
  if (exponent > 63n) return null;
  const exact = base ** exponent;
  return exact >= -MOST && exact < MOST ? exact : null;
}

/** The next multiple of the unit, or the first of a list that is not less. */
const quantize = strict(2, 2, ([value, unit], evaluation) => {
  if (!isList(unit)) return multiple(value, unit);
  const units = elementsOf(unit, evaluation);
  const least = numberOf(value);
  if (least === null) return ERROR;
  for (const one of units) {
    const amount = numberOf(one);
    if (amount === null) return one === undefined ? undefined : ERROR;
    if (amount >= least) return isReal(value) && !isReal(one) ? real(amount) : one;
  }
  return units.length === 0 ? value : multiple(value, units.at(-1));
});

function multiple(value: Value, unit: Value): Value {
  const [amount, step] = [numberOf(value), numberOf(unit)];
  if (amount === null || step === null) return ERROR;
  if (step === 0) return value;
  if (!isInteger(value) || !isInteger(unit)) return real(Math.ceil(amount / step) * step);
  const [whole, part] = [BigInt(value), BigInt(unit)];
  const rest = whole % part;
  if (rest === 0n) return value;
  const towardsZero = whole - rest;
  return wrapped(rest > 0n === part > 0n ? towardsZero + part : towardsZero);
}

const random = plain(0, 1, (values, { ambient }) => {
  const chance = ambient.random();
  if (values.length === 0) return real(chance);
  const [most] = values;
  if (most === undefined) return undefined;
  const amount = typeof most === 'boolean' ? null : numberOf(most);
  if (amount === null || !(amount > 0)) return ERROR;
  return isInteger(most)
    ? (truncated(Math.floor(chance * amount)) ?? ERROR)
    : real(chance * amount);
});

/** `D+HH:MM:SS`; what is zero in front is left out. */
const interval = strict(1, 1, ([value]) => {
  const seconds = isInteger(value) || isReal(value) ? wholeOf(value) : ERROR;
  if (!isInteger(seconds)) return ERROR;
  const sign = seconds < 0 ? '-' : '';
  const all = BigInt(seconds) < 0n ? -BigInt(seconds) : BigInt(seconds);
  const parts = [all / 86_400n, (all / 3600n) % 24n, (all / 60n) % 60n, all % 60n];
  const two = (part: bigint) => String(part).padStart(2, '0');
  const [days, hours, minutes, rest] = parts as [bigint, bigint, bigint, bigint];
  if (days > 0n) return `${sign}${days}+${two(hours)}:${two(minutes)}:${two(rest)}`;
  if (hours > 0n) return `${sign}${hours}:${two(minutes)}:${two(rest)}`;
  return minutes > 0n ? `${sign}${minutes}:${two(rest)}` : `${sign}${rest}`;
});

export const numberFunctions: FunctionTable = {
  floor: rounding(Math.floor),
  ceil: rounding(Math.ceil),
  ceiling: rounding(Math.ceil),
  round: rounding(toEven),
  pow: power,
  quantize,
  random,
  interval,
};
