import { ERROR, integerFrom, real, type Scalar } from './scalar.ts';
import { readOldString, readString } from './string-text.ts';
import { SyntaxFault } from './syntax-fault.ts';

/** `expression`: C escapes, adjacent strings joined. `line`: a backslash is itself but before `"`. */
export type TextForm = 'expression' | 'line';

export type Token =
  | { readonly kind: 'literal'; readonly value: Scalar; readonly start: number }
  | { readonly kind: 'name'; readonly text: string; readonly start: number }
  /** Operators and brackets; `is` and `isnt` come as `=?=` and `=!=`. */
  | { readonly kind: 'mark'; readonly text: string; readonly start: number }
  | { readonly kind: 'end'; readonly start: number };

/** Reads tokens off `text` from `at` on. */
export interface Lexer {
  readonly text: string;
  readonly end: number;
  readonly form: TextForm;
  at: number;
  /** Whether the last token ended an operand: a minus after it is an operator. */
  afterOperand: boolean;
}

const MARKS = [
  ...['=?=', '=!=', '>>>', '<<', '>>', '<=', '>=', '==', '!=', '&&', '||', '=', '<', '>', '!'],
  ...['&', '|', '^', '~', '+', '-', '*', '/', '%', '?', ':', '(', ')', '[', ']', '{', '}'],
  ...[',', ';', '.'],
];
const MARKS_BY_FIRST = new Map<number, string[]>();
for (const mark of MARKS) {
  const first = mark.charCodeAt(0);
  MARKS_BY_FIRST.set(first, [...(MARKS_BY_FIRST.get(first) ?? []), mark]);
}
const OPERAND_ENDS = new Set([')', ']', '}']);
const NUMBER = /(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const SPACE = /[ \t\r\n\f\v]*/y;
const KEYWORD_VALUES = new Map<string, Scalar>([
  ['true', true],
  ['false', false],
  ['undefined', undefined],
  ['error', ERROR],
]);

export function openLexer(text: string, form: TextForm, at = 0, end = text.length): Lexer {
  return { text, end, form, at, afterOperand: false };
}

/** The next token; throws SyntaxFault where there is none. */
export function nextToken(lexer: Lexer): Token {
  skipBlank(lexer);
  const token = readToken(lexer);
  lexer.afterOperand =
    token.kind === 'literal' ||
    token.kind === 'name' ||
    (token.kind === 'mark' && OPERAND_ENDS.has(token.text));
  return token;
}

function readToken(lexer: Lexer): Token {
  const start = lexer.at;
  if (start >= lexer.end) return { kind: 'end', start };
  const code = lexer.text.charCodeAt(start);
  if (code === 0x22) return readStringToken(lexer, start);
  if (code === 0x27) return readQuotedName(lexer, start);
  if (isDigit(code) || startsNumber(lexer, start, code)) return readNumber(lexer, start);
  if (isNameStart(code)) return readName(lexer, start);
  return readMark(lexer, start, code);
}

function startsNumber(lexer: Lexer, start: number, code: number): boolean {
  const next = lexer.text.charCodeAt(start + 1);
  if (code === 0x2e) return isDigit(next);
  if (code !== 0x2d || lexer.afterOperand) return false;
  return isDigit(next) || (next === 0x2e && isDigit(lexer.text.charCodeAt(start + 2)));
}

function readNumber(lexer: Lexer, start: number): Token {
  const sign = lexer.text.charCodeAt(start) === 0x2d ? 1 : 0;
  NUMBER.lastIndex = start + sign;
  const digits = NUMBER.exec(lexer.text)![0];
  lexer.at = start + sign + digits.length;
  const isWhole = !/[.eE]/.test(digits);
  refuseOddNumber(lexer, start, digits, isWhole);
  const text = sign ? `-${digits}` : digits;
  // A literal of more than 64 bits is 0, as HTCondor has it.
  const value = isWhole ? (integerFrom(text) ?? 0) : real(Number(text));
  return { kind: 'literal', value, start };
}

function refuseOddNumber(lexer: Lexer, start: number, digits: string, isWhole: boolean): void {
  const next = lexer.text.charCodeAt(lexer.at);
  if (isWhole && next === 0x2e) {
    throw new SyntaxFault(start, 'a number needs digits behind its point');
  }
  if (isWhole && digits.length > 1 && digits.startsWith('0')) {
    throw new SyntaxFault(start, 'a whole number cannot begin with 0');
  }
  if (isNameStart(next)) throw new SyntaxFault(start, 'a number cannot run into a name');
}

function readName(lexer: Lexer, start: number): Token {
  NAME.lastIndex = start;
  const text = NAME.exec(lexer.text)![0];
  lexer.at = start + text.length;
  // No keyword is longer than `undefined`.
  const lower = text.length > 9 ? text : text.toLowerCase();
  if (KEYWORD_VALUES.has(lower))
    return { kind: 'literal', value: KEYWORD_VALUES.get(lower), start };
  if (lower === 'is') return { kind: 'mark', text: '=?=', start };
  if (lower === 'isnt') return { kind: 'mark', text: '=!=', start };
  return { kind: 'name', text, start };
}

function readStringToken(lexer: Lexer, start: number): Token {
  const read = lexer.form === 'line' ? readOldString : readString;
  const { value, end } = read(lexer.text, start, lexer.end);
  lexer.at = end;
  return { kind: 'literal', value, start };
}

function readQuotedName(lexer: Lexer, start: number): Token {
  const { value, end } = readString(lexer.text, start, lexer.end);
  if (value === '') throw new SyntaxFault(start, 'a name cannot be empty');
  lexer.at = end;
  return { kind: 'name', text: value, start };
}

function readMark(lexer: Lexer, start: number, code: number): Token {
  const marks = MARKS_BY_FIRST.get(code);
  const text = marks?.find((mark) => lexer.text.startsWith(mark, start));
  if (text === undefined || start + text.length > lexer.end) {
    const found = String.fromCodePoint(lexer.text.codePointAt(start)!);
    throw new SyntaxFault(start, `${JSON.stringify(found)} means nothing here`);
  }
  lexer.at = start + text.length;
  if (text !== '?') return { kind: 'mark', text, start };
  skipBlank(lexer);
  if (lexer.text.charCodeAt(lexer.at) !== 0x3a || lexer.at >= lexer.end) {
    return { kind: 'mark', text, start };
  }
  lexer.at += 1;
  return { kind: 'mark', text: '?:', start };
}

function skipBlank(lexer: Lexer): void {
  for (;;) {
    SPACE.lastIndex = lexer.at;
    SPACE.exec(lexer.text);
    lexer.at = Math.min(SPACE.lastIndex, lexer.end);
    if (lexer.text.charCodeAt(lexer.at) !== 0x2f) return;
    const next = lexer.text.charCodeAt(lexer.at + 1);
    if (next === 0x2f) lexer.at = endOf(lexer, '\n', 0) ?? lexer.end;
    else if (next === 0x2a) skipBlock(lexer);
    else return;
  }
}

function skipBlock(lexer: Lexer): void {
  const end = endOf(lexer, '*/', 2);
  if (end === null) throw new SyntaxFault(lexer.at, 'a comment does not end');
  lexer.at = end;
}

function endOf(lexer: Lexer, mark: string, from: number): number | null {
  const at = lexer.text.indexOf(mark, lexer.at + from);
  return at < 0 || at + mark.length > lexer.end ? null : at + mark.length;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isNameStart(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f;
}
