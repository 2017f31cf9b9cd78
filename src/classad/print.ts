import { classadErrors } from './errors.ts';
import { printReal, type RealStyle } from './real-text.ts';
import type { Scalar } from './scalar.ts';
import { fitsOldForm, printString } from './string-text.ts';
import { printAbsTime, printRelTime } from './time-text.ts';
import { type AttributeNode, isKeyword, type Node, spineOf } from './tree.ts';
import type { Ad, Value } from './value.ts';

export interface PrintStyle {
  readonly reals: RealStyle;
  /** `is` and `isnt` for `=?=` and `=!=`, as HTCondor's string conversions have them. */
  readonly words?: boolean;
  /** Strings as the one-attribute-per-line form has them. */
  readonly oldStrings?: boolean;
}

/** Reads back as the same tree, to the last bit. */
export const EXACT: PrintStyle = { reals: 'exact' };
/** As HTCondor's tools show values: 16 digits. */
export const SHOWN: PrintStyle = { reals: 'short' };
/** As HTCondor's `string()`, `strcat()` and their like make text of values. */
export const CONVERTED: PrintStyle = { reals: 'long', words: true };

/** Prints an expression in HTCondor's canonical spacing, parentheses as written. */
export function printNode(node: Node, style: PrintStyle = EXACT): string {
  const parts: string[] = [];
  write(node, style, parts);
  return parts.join('');
}

/** Prints a value; what lists and ads hold is printed as written, not evaluated. */
export function printValue(value: Value, style: PrintStyle = SHOWN): string {
  if (typeof value === 'object' && value.kind === 'list') {
    return printNode({ kind: 'list', items: value.elements.map(({ node }) => node) }, style);
  }
  if (typeof value === 'object' && value.kind === 'classad') return printAd(value.ad, style);
  return printScalar(value, style);
}

/** Prints an ad in the bracketed form. */
export function printAd(ad: Ad, style: PrintStyle = EXACT): string {
  return printNode({ kind: 'ad', attributes: attributeNodes(ad) }, style);
}

/**
 * Prints an ad with one attribute per line. Error: `CLASSAD_NOT_PRINTABLE` for strings that this
 * form cannot hold: with line ends, or with a backslash at their end.
 */
export function printLines(ad: Ad): string {
  const style: PrintStyle = { ...EXACT, oldStrings: true };
  return attributeNodes(ad)
    .map(({ name, value }) => `${printName(name)} = ${printNode(value, style)}\n`)
    .join('');
}

export function attributeNodes(ad: Ad): AttributeNode[] {
  return [...ad.attributes.values()].map(({ name, expression }) => ({
    name,
    value: expression.node,
  }));
}

export function printScalar(value: Scalar, style: PrintStyle): string {
  switch (typeof value) {
    case 'string':
      return style.oldStrings ? printOldString(value) : printString(value, '"');
    case 'object':
      if (value.kind === 'real') return printReal(value.value, style.reals);
      if (value.kind === 'abstime') return `absTime("${printAbsTime(value)}")`;
      if (value.kind === 'reltime') return `relTime("${printRelTime(value)}")`;
      return 'error';
    default:
      return String(value);
  }
}

function printOldString(value: string): string {
  if (!fitsOldForm(value)) {
    throw classadErrors.create('CLASSAD_NOT_PRINTABLE', { text: printString(value, '"') });
  }
  return `"${value.replaceAll('"', '\\"')}"`;
}

/** A name, in single quotes where it would not read as one. */
export function printName(name: string): string {
  const isPlain = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !isKeyword(name.toLowerCase());
  return isPlain ? name : printString(name, "'");
}

function write(node: Node, style: PrintStyle, out: string[]): void {
  switch (node.kind) {
    case 'literal':
      out.push(printScalar(node.value, style));
      return;
    case 'name':
      out.push(node.absolute ? '.' : '', printName(node.name));
      return;
    case 'select':
      write(node.of, style, out);
      // `5.x` would be a number without digits behind its point.
      out.push(isWholeLiteral(node.of) ? ' .' : '.', printName(node.name));
      return;
    case 'call':
      out.push(printName(node.name), '(');
      writeAll(node.args, style, out);
      out.push(')');
      return;
    case 'binary':
      writeSpine(node, style, out);
      return;
    case 'list':
      out.push('{ ');
      writeAll(node.items, style, out);
      out.push(' }');
      return;
    case 'ad':
      writeAttributes(node.attributes, style, out);
      return;
    default:
      writeMixed(node, style, out);
  }
}

type Mixed = Extract<Node, { kind: 'unary' | 'ternary' | 'elvis' | 'index' | 'group' }>;

function writeMixed(node: Mixed, style: PrintStyle, out: string[]): void {
  switch (node.kind) {
    case 'unary':
      // Without the space the sign would become part of the number.
      out.push(node.operator, node.operator === '-' && isPositiveNumber(node.of) ? ' ' : '');
      write(node.of, style, out);
      return;
    case 'ternary':
      writeBetween([node.condition, ' ? ', node.yes, ' : ', node.no], style, out);
      return;
    case 'elvis':
      writeBetween([node.of, ' ?: ', node.fallback], style, out);
      return;
    case 'index':
      writeBetween([node.of, '[', node.at, ']'], style, out);
      return;
    case 'group':
      writeBetween(['(', node.of, ')'], style, out);
  }
}

function writeBetween(parts: readonly (string | Node)[], style: PrintStyle, out: string[]): void {
  for (const part of parts) {
    if (typeof part === 'string') out.push(part);
    else write(part, style, out);
  }
}

function isWholeLiteral(node: Node): boolean {
  return node.kind === 'literal' && /number|bigint/.test(typeof node.value);
}

/** Whether what is printed begins with a digit: the first leaf counts, as in `- 5.x` or `- 5[0]`. */
function isPositiveNumber(node: Node): boolean {
  let at = node;
  while (at.kind === 'select' || at.kind === 'index' || at.kind === 'elvis') at = at.of;
  if (at.kind !== 'literal') return false;
  return /^\d/.test(printScalar(at.value, EXACT));
}

function writeSpine(
  node: Extract<Node, { kind: 'binary' }>,
  style: PrintStyle,
  out: string[],
): void {
  const { first, rest } = spineOf(node);
  write(first, style, out);
  for (const { operator, right } of rest) {
    const word = style.words ? (WORDS[operator] ?? operator) : operator;
    out.push(' ', word, ' ');
    write(right, style, out);
  }
}

const WORDS: Readonly<Record<string, string>> = { '=?=': 'is', '=!=': 'isnt' };

function writeAll(nodes: readonly Node[], style: PrintStyle, out: string[]): void {
  for (const [index, node] of nodes.entries()) {
    if (index > 0) out.push(',');
    write(node, style, out);
  }
}

function writeAttributes(
  attributes: readonly AttributeNode[],
  style: PrintStyle,
  out: string[],
): void {
  out.push('[ ');
  for (const [index, { name, value }] of attributes.entries()) {
    out.push(index > 0 ? '; ' : '', printName(name), ' = ');
    write(value, style, out);
  }
  out.push(' ]');
}
