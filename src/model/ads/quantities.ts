/** From Windrow's units to those of ads. */
import { type RealValue, real } from '#classad';

/** MiB, rounded up, as memory is told; nothing (0) is not said. */
export function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}

/** KiB, rounded up, as disk and resident memory are told. */
export function kibibytes(bytes: number): number {
  return Math.ceil(bytes / 1024);
}

/** Whole seconds since 1970; 0 stays 0: it has not happened. */
export function epochSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}

export function seconds(ms: number): RealValue {
  return real(ms / 1000);
}

/** `of(value)`, or nothing where there is no value. */
export function told<Value, Told>(
  value: Value | null | undefined,
  of: (value: Value) => Told,
): Told | undefined {
  return value === null || value === undefined ? undefined : of(value);
}
