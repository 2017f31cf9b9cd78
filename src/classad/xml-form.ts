import { adOf } from './compile.ts';
import { classadErrors } from './errors.ts';
import { AD_MOST_CHARACTERS, PARSER_NESTING } from './limits.ts';
import { parseExpression, requireSize } from './parser.ts';
import { attributeNodes, printNode } from './print.ts';
import { printReal } from './real-text.ts';
import { ERROR, integerFrom, real, type Scalar } from './scalar.ts';
import { printAbsTime, printRelTime, readAbsTime, readRelTime } from './time-text.ts';
import type { AttributeNode, Node } from './tree.ts';
import type { Ad } from './value.ts';
import { readXml, type XmlElement } from './xml-text.ts';

/** Prints ads as `<classads><c><a n="Name">…</a></c></classads>`, as HTCondor's tools read them. */
export function printXmlAds(ads: readonly Ad[]): string {
  const inside = ads.map((ad) => `${adText(attributeNodes(ad))}\n`).join('');
  return `<?xml version="1.0"?>\n<classads>\n${inside}</classads>\n`;
}

function adText(attributes: readonly AttributeNode[]): string {
  const inside = attributes.map(
    ({ name, value }) => `<a n="${escaped(name)}">${valueText(value)}</a>`,
  );
  return `<c>${inside.join('')}</c>`;
}

function valueText(node: Node): string {
  if (node.kind === 'list') return `<l>${node.items.map(valueText).join('')}</l>`;
  if (node.kind === 'ad') return adText(node.attributes);
  if (node.kind === 'literal') return scalarText(node.value);
  return `<e>${escaped(printNode(node))}</e>`;
}

function scalarText(value: Scalar): string {
  switch (typeof value) {
    case 'undefined':
      return '<un/>';
    case 'boolean':
      return `<b v="${value ? 't' : 'f'}"/>`;
    case 'string':
      return `<s>${escaped(value)}</s>`;
    case 'object':
      if (value.kind === 'real') return `<r>${realText(value.value)}</r>`;
      if (value.kind === 'abstime') return `<at>${printAbsTime(value)}</at>`;
      return value.kind === 'reltime' ? `<rt>${printRelTime(value)}</rt>` : '<er/>';
    default:
      return `<i>${value}</i>`;
  }
}

function realText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'INF' : '-INF';
  return printReal(value, 'exact');
}

/** XML has no way to write most control characters; those that it has are kept from being joined. */
function escaped(text: string): string {
  const unwritable = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.exec(text);
  if (unwritable) throw wrong(`the character ${unwritable[0].charCodeAt(0)} cannot be written`);
  return text.replace(/[&<>"\t\r\n]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function wrong(problem: string): Error {
  return classadErrors.create('CLASSAD_FORM_WRONG', { form: 'XML', problem });
}

/**
 * Reads `<classads>` or a single `<c>`. Errors: `CLASSAD_FORM_WRONG`, `CLASSAD_SYNTAX_WRONG` of an
 * expression within, `CLASSAD_TOO_LARGE`.
 */
export function parseXmlAds(text: string): Ad[] {
  requireSize('ad', text, AD_MOST_CHARACTERS);
  const root = readXml(text, PARSER_NESTING, wrong);
  if (root.name === 'c') return [adOf(attributesIn(root))];
  if (root.name !== 'classads') throw wrong(`expected <classads>, found <${root.name}>`);
  requireNoText(root);
  return root.children.map((child) => {
    if (child.name !== 'c') throw wrong(`expected <c>, found <${child.name}>`);
    return adOf(attributesIn(child));
  });
}

function attributesIn(ad: XmlElement): AttributeNode[] {
  requireNoText(ad);
  return ad.children.map((child) => {
    const name = child.attributes.get('n');
    if (child.name !== 'a' || !name)
      throw wrong(`expected <a n="…"> in <c>, found <${child.name}>`);
    const [value, more] = child.children;
    if (!value || more) throw wrong(`the attribute ${name} needs one value`);
    requireNoText(child);
    return { name, value: nodeIn(value) };
  });
}

function requireNoText({ name, text }: XmlElement): void {
  if (text.trim() !== '') throw wrong(`text has no place in <${name}>`);
}

function nodeIn(element: XmlElement): Node {
  if (element.name === 'c') return { kind: 'ad', attributes: attributesIn(element) };
  if (element.name === 'l') {
    requireNoText(element);
    return { kind: 'list', items: element.children.map(nodeIn) };
  }
  if (element.children.length > 0) throw wrong(`<${element.name}> holds no elements`);
  if (element.name === 'e') return parseExpression(element.text);
  return { kind: 'literal', value: scalarIn(element) };
}

const WHOLE = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const SPECIAL: Readonly<Record<string, number>> = {
  INF: Number.POSITIVE_INFINITY,
  '-INF': Number.NEGATIVE_INFINITY,
  NaN: Number.NaN,
};

function scalarIn({ name, text, attributes }: XmlElement): Scalar {
  switch (name) {
    case 's':
      return text;
    case 'i':
      return orWrong(WHOLE.test(text.trim()) ? integerFrom(text.trim()) : null, name, text);
    case 'r':
      return real(orWrong(realIn(text.trim()), name, text));
    case 'b':
      return orWrong({ t: true, f: false }[attributes.get('v') ?? ''] ?? null, name, text);
    case 'at':
      return orWrong(readAbsTime(text, null), name, text);
    case 'rt':
      return orWrong(readRelTime(text), name, text);
    case 'un':
      return undefined;
    case 'er':
      return ERROR;
    default:
      throw wrong(`<${name}> is no value`);
  }
}

function realIn(text: string): number | null {
  return DECIMAL.test(text) ? Number(text) : (SPECIAL[text] ?? null);
}

function orWrong<T>(value: T | null, name: string, text: string): T {
  if (value === null) throw wrong(`<${name}> cannot hold ${JSON.stringify(text.slice(0, 40))}`);
  return value;
}
