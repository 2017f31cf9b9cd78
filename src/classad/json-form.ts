import { adOf } from './compile.ts';
import { classadErrors } from './errors.ts';
import { AD_MOST_CHARACTERS, PARSER_NESTING } from './limits.ts';
import { parseExpression, requireSize } from './parser.ts';
import { attributeNodes, printNode } from './print.ts';
import { printReal } from './real-text.ts';
import { integerFrom, real } from './scalar.ts';
import type { AttributeNode, Node } from './tree.ts';
import type { Ad } from './value.ts';

const EXPRESSION = /^\/Expr\((.*)\)\/$/s;

/**
 * Prints an ad as one line of JSON: undefined as null, lists as arrays, ads as objects, and
 * everything that JSON has no literal for as the string `/Expr(…)/`.
 */
export function printJsonAd(ad: Ad): string {
  return objectText(attributeNodes(ad));
}

function objectText(attributes: readonly AttributeNode[]): string {
  const members = attributes.map(
    ({ name, value }) => `${JSON.stringify(name)}: ${valueText(value)}`,
  );
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

function valueText(node: Node): string {
  if (node.kind === 'list')
    return `[ ${node.items.map(valueText).join(', ')} ]`.replace(/^\[ {2}\]$/, '[]');
  if (node.kind === 'ad') return objectText(node.attributes);
  if (node.kind !== 'literal') return expressionText(node);
  const { value } = node;
  switch (typeof value) {
    case 'undefined':
      return 'null';
    case 'string':
      // A string that looks like an expression would come back as one.
      return EXPRESSION.test(value) ? expressionText(node) : JSON.stringify(value);
    case 'object':
      if (value.kind !== 'real' || !Number.isFinite(value.value)) return expressionText(node);
      return printReal(value.value, 'exact');
    default:
      return String(value);
  }
}

function expressionText(node: Node): string {
  return JSON.stringify(`/Expr(${printNode(node)})/`);
}

/**
 * Reads an ad, or an array of ads. Errors: `CLASSAD_FORM_WRONG`, `CLASSAD_SYNTAX_WRONG` of an
 * expression within, `CLASSAD_TOO_LARGE`.
 */
export function parseJsonAds(text: string): Ad[] {
  requireSize('ad', text, AD_MOST_CHARACTERS);
  requireShallow(text);
  const read = parse(text);
  const ads = Array.isArray(read) ? read : [read];
  return ads.map((one) => {
    if (typeof one !== 'object' || one === null || one instanceof Numeral || Array.isArray(one)) {
      throw wrong('expected an object, or an array of them');
    }
    return adOf(attributesOf(one));
  });
}

/** A number with its own digits: a double would lose those of large integers. */
class Numeral {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }
}

type Json = null | boolean | string | Numeral | Json[] | { readonly [name: string]: Json };

function parse(text: string): Json {
  try {
    return JSON.parse(text, (_, value, context?: { source?: string }) =>
      typeof value === 'number' ? new Numeral(context?.source ?? String(value)) : value,
    );
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/\s+/g, ' ') : 'broken';
    throw classadErrors.create('CLASSAD_FORM_WRONG', { form: 'JSON', problem: reason }, { cause });
  }
}

function wrong(problem: string): Error {
  return classadErrors.create('CLASSAD_FORM_WRONG', { form: 'JSON', problem });
}

/** Before parsing, which goes as deep as it is led. */
function requireShallow(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const mark = text[at];
    if (mark === '"') at = endOfString(text, at);
    else if (mark === '[' || mark === '{') depth += 1;
    else if (mark === ']' || mark === '}') depth -= 1;
    if (depth > PARSER_NESTING) throw wrong(`nested deeper than ${PARSER_NESTING}`);
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function attributesOf(object: { readonly [name: string]: Json }): AttributeNode[] {
  return Object.entries(object).map(([name, value]) => ({ name, value: nodeOf(value) }));
}

function nodeOf(json: Json): Node {
  if (json === null) return { kind: 'literal', value: undefined };
  if (typeof json === 'boolean') return { kind: 'literal', value: json };
  if (typeof json === 'string') {
    const expression = EXPRESSION.exec(json)?.[1];
    if (expression !== undefined) return parseExpression(expression);
    return { kind: 'literal', value: json };
  }
  if (json instanceof Numeral) return { kind: 'literal', value: numberIn(json.digits) };
  if (Array.isArray(json)) return { kind: 'list', items: json.map(nodeOf) };
  return { kind: 'ad', attributes: attributesOf(json) };
}

function numberIn(digits: string) {
  return /[.eE]/.test(digits)
    ? real(Number(digits))
    : (integerFrom(digits) ?? real(Number(digits)));
}
