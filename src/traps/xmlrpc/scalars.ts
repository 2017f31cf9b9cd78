/** The texts of XML-RPC's scalars, read as the specification has them and not a bit more. */
import { FAULT, Fault } from './fault.ts';
import type { Value } from './value.ts';

const INT_LEAST = -(2 ** 31);
const INT_MOST = 2 ** 31 - 1;
const I8_LEAST = -(2n ** 63n);
const I8_MOST = 2n ** 63n - 1n;
/** A sign, leading zeros aside, and the digits of the longest 64-bit integer. */
const I8_DIGITS = 20;

type ReadScalar = (text: string) => Value;

/** By element name. `ex:` is the prefix that ws.apache.org uses for its extensions. */
export const SCALARS: ReadonlyMap<string, ReadScalar> = new Map<string, ReadScalar>([
  ['i4', readInt],
  ['int', readInt],
  ['i8', readLong],
  ['ex:i8', readLong],
  ['boolean', readBoolean],
  ['string', (value) => ({ type: 'string', value })],
  ['double', readDouble],
  ['dateTime.iso8601', readDate],
  ['base64', readBase64],
  ['nil', readNil],
  ['ex:nil', readNil],
]);

function wrong(text: string, expected: string): Fault {
  const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
  return new Fault(FAULT.invalidParameters, `found ${shown}, expected ${expected}`);
}

function readInt(text: string): Value {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= INT_LEAST && value <= INT_MOST) return { type: 'int', value: value + 0 };
  throw wrong(text, 'a whole number of 32 bits');
}

function readLong(text: string): Value {
  const parts = /^([+-]?)0*(\d*)$/.exec(text);
  const digits = parts?.[2] ?? '';
  const isNumber = parts !== null && /\d/.test(text) && digits.length <= I8_DIGITS;
  const size = isNumber ? BigInt(digits) : I8_MOST + 1n;
  const value = parts?.[1] === '-' ? -size : size;
  if (isNumber && value >= I8_LEAST && value <= I8_MOST) return { type: 'i8', value };
  throw wrong(text, 'a whole number of 64 bits');
}

function readBoolean(text: string): Value {
  if (text !== '0' && text !== '1') throw wrong(text, '0 or 1');
  return { type: 'boolean', value: text === '1' };
}

function readDouble(text: string): Value {
  const isDecimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/.test(text);
  const value = isDecimal ? Number(text) : Number.NaN;
  if (Number.isFinite(value)) return { type: 'double', value };
  throw wrong(text, 'a decimal number without exponent');
}

const DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d):(\d\d):(\d\d)$/;

function readDate(text: string): Value {
  const [, year, month, day, hour, minute, second] = DATE.exec(text)?.map(Number) ?? [];
  const isDate =
    month! >= 1 &&
    month! <= 12 &&
    day! >= 1 &&
    day! <= daysOf(year!, month!) &&
    hour! < 24 &&
    minute! < 60 &&
    // A leap second is a second.
    second! <= 60;
  if (isDate) return { type: 'dateTime.iso8601', value: text };
  throw wrong(text, 'a time like 19980717T14:08:55');
}

function daysOf(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!;
}

function readBase64(text: string): Value {
  const packed = text.replace(/[ \t\r\n]+/g, '');
  if (packed.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(packed)) {
    return { type: 'base64', value: Buffer.from(packed, 'base64') };
  }
  throw wrong(text, 'base64');
}

function readNil(text: string): Value {
  if (text === '') return { type: 'nil' };
  throw wrong(text, 'nothing in nil');
}
