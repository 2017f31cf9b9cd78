/** `--constraint`, `--attributes` and `--format`: what is asked of a list, and how its ads are shown. */
import { printable, systemClock } from '#base';
import {
  type Ad,
  type Ambient,
  compileExpression,
  type Expression,
  evaluate,
  localAmbient,
  namesIn,
  parseBracketedAd,
  parseExpression,
  printAd,
  printJsonAd,
  printLines,
  printNode,
  printValue,
  printXmlAds,
  readExpression,
  truthOf,
  type Value,
} from '#classad';
import { cliErrors } from './errors.ts';
import { lookOf } from './format.ts';
import { formatTable } from './text-table.ts';
import type { World } from './world.ts';

export interface AdOptions {
  readonly constraint: string | undefined;
  readonly attributes: string | undefined;
  readonly format: string | undefined;
}

export interface AskedAds {
  /** For the server's lists. */
  readonly query: { readonly constraint?: string; readonly attributes?: string };
  /** Null: the usual columns are wanted. */
  readonly show: Show | null;
}

type Show =
  /** Printed one by one, as they come. */
  | { readonly kind: 'each'; readonly text: (ad: Ad) => string }
  | { readonly kind: 'table'; readonly columns: readonly Column[] }
  /** One document of them all. */
  | { readonly kind: 'document' };

interface Column {
  readonly title: string;
  readonly expression: Expression;
}

const FORMS: Readonly<Record<string, Show>> = {
  lines: { kind: 'each', text: (ad) => `${printLines(ad)}\n` },
  new: { kind: 'each', text: (ad) => `${printAd(ad)}\n` },
  json: { kind: 'each', text: (ad) => `${printJsonAd(ad)}\n` },
  xml: { kind: 'document' },
};

/** Errors: `CLASSAD_SYNTAX_WRONG`, `USAGE_WRONG`. */
export function askedAds({ constraint, attributes, format }: AdOptions): AskedAds {
  // Refused here, with its caret, before anybody is asked.
  if (constraint !== undefined) parseExpression(constraint);
  const asked = constraint === undefined ? {} : { constraint };
  const columns = attributes === undefined ? null : columnsOf(attributes);
  const form = format === undefined ? undefined : FORMS[format];
  if (form) {
    const names = columns ? namesOf(columns.map(({ expression }) => expression)) : '*';
    return { query: { ...asked, attributes: names }, show: form };
  }
  if (format !== undefined) {
    if (columns)
      throw wrong('a line of text in --format has its own attributes: leave --attributes out');
    const { expressions, text } = lineOf(format);
    const query = { ...asked, attributes: namesOf(expressions) };
    return { query, show: { kind: 'each', text } };
  }
  if (!columns) return { query: asked, show: null };
  const names = namesOf(columns.map(({ expression }) => expression));
  return { query: { ...asked, attributes: names }, show: { kind: 'table', columns } };
}

/** Shows ads in the bracketed form, as lists bring them. */
export async function showAds(
  show: Show,
  ads: Iterable<string | undefined> | AsyncIterable<string | undefined>,
  world: World,
): Promise<void> {
  const rows: string[][] = [];
  const whole: Ad[] = [];
  for await (const told of ads) {
    const ad = parseBracketedAd(told ?? '[]');
    if (show.kind === 'each') await world.stdout.write(show.text(ad));
    else if (show.kind === 'document') whole.push(ad);
    else rows.push(show.columns.map(({ expression }) => shownIn(ad, expression)));
  }
  if (show.kind === 'document') await world.stdout.write(printXmlAds(whole));
  if (show.kind === 'table') {
    await world.stdout.write(formatTable(show.columns, rows, lookOf(world.stdout)));
  }
}

/** For `--json`: an item with its ad, if it has one, as an object. */
export function withJsonAd<Item extends { readonly ad?: string | undefined }>(item: Item): object {
  if (item.ad === undefined) return item;
  return { ...item, ad: JSON.parse(printJsonAd(parseBracketedAd(item.ad))) };
}

function columnsOf(text: string): Column[] {
  const list = parseExpression(`{ ${text} }`);
  if (list.kind !== 'list' || list.items.length === 0) throw wrong('--attributes names none');
  return list.items.map((item) => {
    const title = printNode(item);
    return { title, expression: compileExpression(title) };
  });
}

/** The names that the server is asked for, or all where that cannot be told. */
function namesOf(expressions: readonly Expression[]): string {
  const names = new Set<string>();
  for (const { node } of expressions) {
    const found = namesIn(node);
    if (found.isOpen) return '*';
    for (const name of found.names) names.add(name);
  }
  return names.size === 0 ? '*' : [...names].join(',');
}

/** `$Name` and `${EXPRESSION}` in a text; `$$` is a dollar. */
function lineOf(format: string): { expressions: Expression[]; text: (ad: Ad) => string } {
  const pieces: (string | Expression)[] = [];
  let at = 0;
  for (;;) {
    const dollar = format.indexOf('$', at);
    if (dollar < 0) break;
    pieces.push(format.slice(at, dollar));
    const { piece, end } = placeAt(format, dollar);
    pieces.push(piece);
    at = end;
  }
  pieces.push(format.slice(at));
  const expressions = pieces.filter((piece) => typeof piece !== 'string');
  if (expressions.length === 0) {
    throw wrong(
      `--format ${format}: expected ${Object.keys(FORMS).join(', ')}, or a text with $Name`,
    );
  }
  const text = (ad: Ad) =>
    `${pieces.map((piece) => (typeof piece === 'string' ? piece : shownIn(ad, piece))).join('')}\n`;
  return { expressions, text };
}

function placeAt(format: string, dollar: number): { piece: string | Expression; end: number } {
  if (format[dollar + 1] === '$') return { piece: '$', end: dollar + 2 };
  const name = /^[A-Za-z_]\w*/.exec(format.slice(dollar + 1))?.[0];
  if (name) return { piece: compileExpression(name), end: dollar + 1 + name.length };
  if (format[dollar + 1] !== '{') throw wrong(`--format: a name or {…} must follow $ in ${format}`);
  const start = dollar + 2;
  // Braces stand in lists and strings too: the first that ends an expression is it.
  for (let end = format.indexOf('}', start); end >= 0; end = format.indexOf('}', end + 1)) {
    const { node } = readExpression(format.slice(start, end));
    if (node) return { piece: compileExpression(format.slice(start, end)), end: end + 1 };
  }
  throw wrong(`--format: no expression is closed by } in ${format.slice(dollar)}`);
}

const AMBIENT: Ambient = localAmbient({
  now: () => systemClock.now(),
  elapsedMs: () => systemClock.monotonic(),
  random: Math.random,
});

/** What fits of items that are known here already; a server does it for its own lists. */
export function fitsHere(constraint: string | undefined): (ad: Ad) => boolean {
  if (constraint === undefined) return () => true;
  const expression = compileExpression(constraint);
  return (ad) => truthOf(evaluate(expression, { my: ad, ambient: AMBIENT })) === true;
}

/** What expressions are in the ad, as text. */
export function shownOf(ad: Ad): (expression: string) => string {
  return (expression) => shownIn(ad, compileExpression(expression));
}

/** Strings without their quotes. */
function shownIn(ad: Ad, expression: Expression): string {
  const value: Value = evaluate(expression, { my: ad, ambient: AMBIENT });
  return printable(typeof value === 'string' ? value : printValue(value));
}

function wrong(problem: string): Error {
  return cliErrors.create('USAGE_WRONG', { problem, help: 'windrow ls --help' });
}
