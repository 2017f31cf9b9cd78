import { SyntaxFault } from './syntax-fault.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const OCTAL = /(?:\\(?:[0-3][0-7]{0,2}|[4-7][0-7]?))+/y;

export interface ReadText {
  readonly value: string;
  /** Just behind the closing quote. */
  readonly end: number;
}

/** Reads `"…"` or `'…'` with C escapes, from its opening quote on. */
export function readString(text: string, start: number, limit: number): ReadText {
  const quote = text[start]!;
  const parts: string[] = [];
  let from = start + 1;
  for (let at = from; at < limit; at += 1) {
    if (text[at] === quote) return { value: parts.join('') + text.slice(from, at), end: at + 1 };
    if (text[at] !== '\\') continue;
    const escaped = readEscape(text, at);
    parts.push(text.slice(from, at), escaped.value);
    from = escaped.end;
    at = from - 1;
  }
  throw new SyntaxFault(start, `a closing ${quote} is missing`);
}

function readEscape(text: string, at: number): ReadText {
  OCTAL.lastIndex = at;
  const octal = OCTAL.exec(text)?.[0];
  if (octal !== undefined) return { value: bytesOf(octal, at), end: at + octal.length };
  // An escape that means nothing is the character itself.
  const letter = text[at + 1] ?? '';
  return { value: ESCAPES[letter] ?? letter, end: at + 2 };
}

/** Octal escapes are bytes: several together may be one UTF-8 character. */
function bytesOf(escapes: string, at: number): string {
  const bytes = escapes
    .split('\\')
    .slice(1)
    .map((digits) => Number.parseInt(digits, 8));
  if (bytes.includes(0)) throw new SyntaxFault(at, 'a string cannot hold the character NUL');
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

/**
 * Reads `"…"` as it stands in the one-attribute-per-line form: a backslash is itself, but `\"` is a
 * quote unless it is the last thing on the line.
 */
export function readOldString(text: string, start: number, limit: number): ReadText {
  const parts: string[] = [];
  let from = start + 1;
  for (let at = from; at < limit; at += 1) {
    if (text[at] === '"') return { value: parts.join('') + text.slice(from, at), end: at + 1 };
    if (text[at] !== '\\' || text[at + 1] !== '"' || isLast(text, at + 2, limit)) continue;
    parts.push(text.slice(from, at));
    from = at + 1;
    at += 1;
  }
  throw new SyntaxFault(start, 'a closing " is missing');
}

function isLast(text: string, from: number, limit: number): boolean {
  for (let at = from; at < limit; at += 1) {
    if (text[at] === '\n') return true;
    if (text[at] !== ' ' && text[at] !== '\t' && text[at] !== '\r') return false;
  }
  return true;
}

const PRINTED: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

/** With C escapes; control characters that have none of their own in octal. */
export function printString(value: string, quote: '"' | "'"): string {
  if (!/["'\\\x00-\x1f\x7f]/.test(value)) return quote + value + quote;
  const inside = value.replace(/["'\\\x00-\x1f\x7f]/g, (character) => {
    if (character === '"' || character === "'")
      return character === quote ? `\\${quote}` : character;
    return PRINTED[character] ?? `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
  });
  return quote + inside + quote;
}

/** Whether the one-attribute-per-line form can hold it wherever it stands on the line. */
export function fitsOldForm(value: string): boolean {
  return !/[\n\r\x00]/.test(value) && !value.endsWith('\\');
}
