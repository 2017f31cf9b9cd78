import { adOf } from './compile.ts';
import { nextToken, openLexer } from './lexer.ts';
import { AD_MOST_CHARACTERS } from './limits.ts';
import { parseSlice, requireSize } from './parser.ts';
import { problemAt, SyntaxFault, syntaxError } from './syntax-fault.ts';
import type { AttributeNode } from './tree.ts';
import type { Ad } from './value.ts';

/** Reads `[ a = 1; b = 2 ]`. Errors: `CLASSAD_SYNTAX_WRONG`, `CLASSAD_TOO_LARGE`. */
export function parseBracketedAd(text: string): Ad {
  return reading(text, () => adIn(text, 0, text.length));
}

/**
 * Reads ads in brackets, one behind the other with blanks between them, as transfer plugins write
 * them. Errors: `CLASSAD_SYNTAX_WRONG`, `CLASSAD_TOO_LARGE`.
 */
export function parseBracketedAds(text: string): Ad[] {
  return reading(text, () => [...bracketedIn(text)].map(([start, end]) => adIn(text, start, end)));
}

function adIn(text: string, start: number, end: number): Ad {
  const node = parseSlice(text, 'expression', start, end);
  if (node.kind !== 'ad') throw new SyntaxFault(start, 'an ad begins with [ and ends with its ]');
  return adOf(node.attributes);
}

/** Found by their brackets: to the language itself an ad behind another is a subscript of it. */
function* bracketedIn(text: string): Generator<[start: number, end: number]> {
  const lexer = openLexer(text, 'expression');
  let [depth, start] = [0, 0];
  for (;;) {
    const token = nextToken(lexer);
    const mark = token.kind === 'mark' ? token.text : '';
    if (token.kind === 'end' && depth === 0) return;
    if (token.kind === 'end') throw new SyntaxFault(start, 'this [ has no ]');
    if (depth === 0 && mark !== '[') throw new SyntaxFault(token.start, 'expected the [ of an ad');
    if (mark === '[') {
      if (depth === 0) start = token.start;
      depth += 1;
    } else if (mark === ']') {
      depth -= 1;
      if (depth === 0) yield [start, lexer.at];
    }
  }
}

/**
 * Reads ads of one attribute per line, parted by empty lines; lines that begin with `#` are
 * comments. Errors: `CLASSAD_SYNTAX_WRONG`, `CLASSAD_TOO_LARGE`.
 */
export function parseLineAds(text: string): Ad[] {
  return reading(text, () => {
    const ads: Ad[] = [];
    let attributes: AttributeNode[] = [];
    const close = () => {
      if (attributes.length > 0) ads.push(adOf(attributes));
      attributes = [];
    };
    for (const [start, end] of linesOf(text)) {
      const line = text.slice(start, end).trim();
      if (line === '') close();
      else if (!line.startsWith('#')) attributes.push(parseLine(text, start, end));
    }
    close();
    return ads;
  });
}

function reading<T>(text: string, read: () => T): T {
  requireSize('ad', text, AD_MOST_CHARACTERS);
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxFault) throw syntaxError('ad', problemAt(text, error));
    throw error;
  }
}

function* linesOf(text: string): Generator<[start: number, end: number]> {
  for (let start = 0; start <= text.length; ) {
    const found = text.indexOf('\n', start);
    const end = found < 0 ? text.length : found;
    yield [start, end];
    start = end + 1;
  }
}

function parseLine(text: string, start: number, end: number): AttributeNode {
  const lexer = openLexer(text, 'line', start, end);
  const name = nextToken(lexer);
  if (name.kind !== 'name') throw new SyntaxFault(name.start, 'a line begins with a name');
  const equals = nextToken(lexer);
  if (equals.kind !== 'mark' || equals.text !== '=') {
    throw new SyntaxFault(equals.start, `expected = behind the name ${name.text}`);
  }
  return { name: name.text, value: parseSlice(text, 'line', lexer.at, end) };
}
