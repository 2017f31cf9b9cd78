/** Writes answers. Whatever a message holds, the document is well-formed. */
import type { Value } from './value.ts';

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
const BEFORE = `${DECLARATION}<methodResponse><params><param>`;
const AFTER = '</param></params></methodResponse>\n';

/** All that may not stand in a document as it is (XML 1.0, section 2.2, and what parsers change). */
const UNSAFE = /[<>&\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/;
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/**
 * Text as it may stand in an element. Characters that XML cannot have in any form – controls as
 * kernels write them, lone surrogates – become U+FFFD. A carriage return goes as a reference,
 * because parsers would make a line feed of it, and `>` too, because of `]]>`.
 */
export function escapeXml(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text
    .toWellFormed()
    .replace(ILLEGAL, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#13;');
}

/** A `<value>` element. */
export function writeValue(value: Value): string {
  switch (value.type) {
    case 'string':
      return `<value><string>${escapeXml(value.value)}</string></value>`;
    case 'int':
    case 'i8':
    case 'dateTime.iso8601':
      return `<value><${value.type}>${value.value}</${value.type}></value>`;
    case 'boolean':
      return `<value><boolean>${value.value ? 1 : 0}</boolean></value>`;
    case 'double':
      return `<value><double>${plainDecimal(value.value)}</double></value>`;
    case 'base64':
      return `<value><base64>${Buffer.from(value.value).toString('base64')}</base64></value>`;
    case 'array':
      return writeArray(value.items.map(writeValue));
    case 'struct':
      return writeStruct([...value.members].map(([name, member]) => [name, writeValue(member)]));
    case 'nil':
      return '<value><nil/></value>';
  }
}

/** @param items `<value>` elements */
export function writeArray(items: readonly string[]): string {
  return `<value><array><data>${items.join('')}</data></array></value>`;
}

/** @param members names, and `<value>` elements */
export function writeStruct(members: readonly (readonly [string, string])[]): string {
  const inner = members.map(
    ([name, value]) => `<member><name>${escapeXml(name)}</name>${value}</member>`,
  );
  return `<value><struct>${inner.join('')}</struct></value>`;
}

/** @param value a `<value>` element */
export function writeAnswer(value: string): Buffer {
  return Buffer.from(BEFORE + value + AFTER);
}

export function writeFault(code: number, message: string): Buffer {
  return Buffer.from(
    `${DECLARATION}<methodResponse><fault>${faultValue(code, message)}</fault></methodResponse>\n`,
  );
}

/** The struct of a fault: exactly these two members. */
export function faultValue(code: number, message: string): string {
  return writeStruct([
    ['faultCode', `<value><int>${code}</int></value>`],
    ['faultString', `<value><string>${escapeXml(message)}</string></value>`],
  ]);
}

/** A double without an exponent, which XML-RPC does not have; no digit is lost but the sign of 0. */
function plainDecimal(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError('XML-RPC has no NaN and no infinity');
  const shortest = String(value);
  const parts = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(shortest);
  if (!parts) return Number.isInteger(value) ? `${shortest}.0` : shortest;
  const [, sign, first, rest = '', exponent] = parts;
  const digits = first + rest;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, '0')}.0`;
}
