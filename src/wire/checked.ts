/**
 * Readers of JSON that came from another process. Each takes a field's value and returns it
 * checked; a wrong one throws `MESSAGE_MALFORMED` with the path to it. The path is put together
 * only when something is wrong: syncs of hundreds of attempts are read thousands of times a
 * second.
 */
import { wireErrors } from './errors.ts';

/** Thrown by the readers, turned into a coded error by `checked`. */
class Mismatch extends Error {
  path: string;
  readonly expected: string;
  readonly found: string;
  constructor(path: string, expected: string, value: unknown) {
    super(path);
    this.path = path;
    this.expected = expected;
    this.found = describe(value);
  }
}

export type JsonObject = { readonly [key: string]: unknown };

/** Runs `read` and turns a mismatch below it into `MESSAGE_MALFORMED`. */
export function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    const { path, expected, found } = error;
    throw wireErrors.create('MESSAGE_MALFORMED', { path: path || 'the top', expected, found });
  }
}

export function mismatch(key: string, expected: string, value: unknown): Error {
  return new Mismatch(key, expected, value);
}

/** Text of at most `most` UTF-16 units. */
export function text(value: unknown, key: string, most: number): string {
  if (typeof value === 'string' && value.length <= most) return value;
  throw new Mismatch(key, `text of at most ${most} characters`, value);
}

/** Text of at least one and at most `most` characters, none of them a control character. */
export function label(value: unknown, key: string, most: number): string {
  if (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= most &&
    !/[\x00-\x1f\x7f]/.test(value)
  ) {
    return value;
  }
  throw new Mismatch(key, `one line of 1 to ${most} characters`, value);
}

/** A whole number in `least … most`; exact, so at most 2^53 − 1. */
export function whole(
  value: unknown,
  key: string,
  least = 0,
  most = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
    return value as number;
  }
  throw new Mismatch(key, `a whole number in ${least} … ${most}`, value);
}

/** A finite number from 0. */
export function quantity(value: unknown, key: string): number {
  if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw new Mismatch(key, 'a number from 0', value);
}

export function flag(value: unknown, key: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new Mismatch(key, 'true or false', value);
}

/** Text that is one of `values`. */
export function oneOf<T extends string>(value: unknown, key: string, values: ReadonlySet<T>): T {
  if (typeof value === 'string' && (values as ReadonlySet<string>).has(value)) return value as T;
  throw new Mismatch(key, [...values].join(' | '), value);
}

export function sha256Hex(value: unknown, key: string): string {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value;
  throw new Mismatch(key, '64 lower-case hex digits', value);
}

/** A path that stays inside the directory it is relative to, or `''`. */
export function innerPath(value: unknown, key: string, most: number): string {
  if (typeof value === 'string' && value.length <= most && staysInside(value)) return value;
  throw new Mismatch(key, 'a relative path without ".."', value);
}

export function object(value: unknown, key: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new Mismatch(key, 'an object', value);
}

/** Reads a field that is an object, with paths below it. */
export function inner<T>(value: unknown, key: string, read: (fields: JsonObject) => T): T {
  const fields = object(value, key);
  try {
    return read(fields);
  } catch (error) {
    if (error instanceof Mismatch) error.path = join(key, error.path);
    throw error;
  }
}

/** Reads a field that is an array of at most `most` entries, with paths below it. */
export function list<T>(
  value: unknown,
  key: string,
  most: number,
  read: (entry: unknown) => T,
): T[] {
  if (!Array.isArray(value) || value.length > most) {
    throw new Mismatch(key, `an array of at most ${most} entries`, value);
  }
  const entries: T[] = [];
  try {
    for (const entry of value) entries.push(read(entry));
  } catch (error) {
    if (error instanceof Mismatch) error.path = join(`${key}[${entries.length}]`, error.path);
    throw error;
  }
  return entries;
}

/** True when `path` is relative, has no NUL and no `..` as a component. */
export function staysInside(path: string): boolean {
  if (path.startsWith('/') || path.includes('\0')) return false;
  return !path.includes('..') || !path.split('/').includes('..');
}

function join(head: string, tail: string): string {
  if (tail === '') return head;
  return tail.startsWith('[') ? head + tail : `${head}.${tail}`;
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'string' && value.length > 60) return `text of ${value.length} characters`;
  return JSON.stringify(value);
}
