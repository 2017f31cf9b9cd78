import { classadErrors } from './errors.ts';
import { type Lexer, nextToken, openLexer, type TextForm, type Token } from './lexer.ts';
import { EXPRESSION_MOST_CHARACTERS, PARSER_NESTING } from './limits.ts';
import { problemAt, SyntaxFault, type SyntaxProblem, syntaxError } from './syntax-fault.ts';
import { readAbsTime, readRelTime } from './time-text.ts';
import {
  type AttributeNode,
  type BinaryOperator,
  type Node,
  PRECEDENCE,
  type UnaryOperator,
} from './tree.ts';

export type ReadExpression =
  | { readonly node: Node; readonly problem?: undefined }
  | { readonly node?: undefined; readonly problem: SyntaxProblem };

/** Reads an expression; what is wrong with it comes back as data. Error: `CLASSAD_TOO_LARGE`. */
export function readExpression(text: string, form: TextForm = 'expression'): ReadExpression {
  requireSize('expression', text, EXPRESSION_MOST_CHARACTERS);
  try {
    return { node: parseSlice(text, form, 0, text.length) };
  } catch (error) {
    if (error instanceof SyntaxFault) return { problem: problemAt(text, error) };
    throw error;
  }
}

/** Reads an expression. Errors: `CLASSAD_SYNTAX_WRONG` with place and caret, `CLASSAD_TOO_LARGE`. */
export function parseExpression(text: string, form: TextForm = 'expression'): Node {
  const read = readExpression(text, form);
  if (read.problem) throw syntaxError('expression', read.problem);
  return read.node;
}

export function requireSize(what: string, text: string, limit: number): void {
  if (text.length <= limit) return;
  throw classadErrors.create('CLASSAD_TOO_LARGE', { what, found: text.length, limit });
}

/** The expression that fills `text` from `start` to `end`; throws SyntaxFault. */
export function parseSlice(text: string, form: TextForm, start: number, end: number): Node {
  const parser = openParser(openLexer(text, form, start, end));
  const node = expression(parser);
  if (parser.token.kind !== 'end') throw unexpected(parser, 'an operator or the end');
  return node;
}

interface Parser {
  readonly lexer: Lexer;
  token: Token;
  depth: number;
}

function openParser(lexer: Lexer): Parser {
  return { lexer, token: nextToken(lexer), depth: 0 };
}

function advance(parser: Parser): void {
  parser.token = nextToken(parser.lexer);
}

function isMark(parser: Parser, text: string): boolean {
  return parser.token.kind === 'mark' && parser.token.text === text;
}

function take(parser: Parser, text: string): boolean {
  if (!isMark(parser, text)) return false;
  advance(parser);
  return true;
}

function require(parser: Parser, text: string): void {
  if (!take(parser, text)) throw unexpected(parser, text);
}

function unexpected(parser: Parser, expected: string): SyntaxFault {
  const { token } = parser;
  const text = parser.lexer.text.slice(token.start, Math.min(parser.lexer.at, token.start + 40));
  const found = token.kind === 'end' ? 'the end' : JSON.stringify(text);
  return new SyntaxFault(token.start, `expected ${expected}, found ${found}`);
}

function nested<T>(parser: Parser, read: (parser: Parser) => T): T {
  requireShallow(parser, parser.depth + 1);
  const found = read(parser);
  parser.depth -= 1;
  return found;
}

function requireShallow(parser: Parser, depth: number): void {
  parser.depth = depth;
  if (depth <= PARSER_NESTING) return;
  throw new SyntaxFault(parser.token.start, `nested deeper than ${PARSER_NESTING}`);
}

function expression(parser: Parser): Node {
  return nested(parser, ternary);
}

function ternary(parser: Parser): Node {
  const condition = binary(parser);
  if (!take(parser, '?')) return condition;
  const yes = expression(parser);
  require(parser, ':');
  return { kind: 'ternary', condition, yes, no: expression(parser) };
}

function binary(parser: Parser): Node {
  const first = unary(parser);
  return operatorAt(parser) === null ? first : operators(parser, first);
}

/** With stacks of its own: ten levels of precedence would be ten calls deep in each parenthesis. */
function operators(parser: Parser, first: Node): Node {
  const before = parser.depth;
  const operands = [first];
  const pending: BinaryOperator[] = [];
  const join = () => {
    const right = operands.pop()!;
    operands.push({ kind: 'binary', operator: pending.pop()!, left: operands.pop()!, right });
  };
  for (let next = operatorAt(parser); next !== null; next = operatorAt(parser)) {
    while (pending.length > 0 && PRECEDENCE[pending.at(-1)!] >= PRECEDENCE[next]) join();
    pending.push(next);
    // An operand of an operator that is an operand itself makes the tree deeper.
    requireShallow(parser, before + pending.length - 1);
    advance(parser);
    operands.push(unary(parser));
  }
  while (pending.length > 0) join();
  parser.depth = before;
  return operands[0]!;
}

function operatorAt({ token }: Parser): BinaryOperator | null {
  if (token.kind !== 'mark') return null;
  return Object.hasOwn(PRECEDENCE, token.text) ? (token.text as BinaryOperator) : null;
}

const PREFIXES = new Set(['-', '+', '~', '!']);

function unary(parser: Parser): Node {
  const { token } = parser;
  if (token.kind !== 'mark' || !PREFIXES.has(token.text)) return postfix(parser);
  advance(parser);
  return { kind: 'unary', operator: token.text as UnaryOperator, of: nested(parser, unary) };
}

function postfix(parser: Parser): Node {
  const before = parser.depth;
  let node = primary(parser);
  for (;;) {
    if (take(parser, '.')) {
      node = { kind: 'select', of: node, name: nameOf(parser) };
    } else if (take(parser, '[')) {
      node = { kind: 'index', of: node, at: expression(parser) };
      require(parser, ']');
    } else if (take(parser, '?:')) {
      node = { kind: 'elvis', of: node, fallback: nested(parser, postfix) };
    } else {
      parser.depth = before;
      return node;
    }
    // Selections nest to the left: each makes the tree a level deeper.
    requireShallow(parser, parser.depth + 1);
  }
}

function nameOf(parser: Parser): string {
  const { token } = parser;
  if (token.kind !== 'name') throw unexpected(parser, 'a name');
  advance(parser);
  return token.text;
}

function primary(parser: Parser): Node {
  const { token } = parser;
  if (token.kind === 'literal') return literal(parser, token);
  if (token.kind === 'name') return nameOrCall(parser, token.text);
  if (take(parser, '(')) return group(parser);
  if (take(parser, '{')) return { kind: 'list', items: sequence(parser, '}', [',']) };
  if (take(parser, '[')) return { kind: 'ad', attributes: attributes(parser) };
  if (take(parser, '.')) return { kind: 'name', name: nameOf(parser), absolute: true };
  throw unexpected(parser, 'an operand');
}

function literal(parser: Parser, { value }: Extract<Token, { kind: 'literal' }>): Node {
  advance(parser);
  if (typeof value !== 'string' || parser.lexer.form === 'line') return { kind: 'literal', value };
  const pieces = [value];
  while (parser.token.kind === 'literal' && typeof parser.token.value === 'string') {
    pieces.push(parser.token.value);
    advance(parser);
  }
  return { kind: 'literal', value: pieces.join('') };
}

function nameOrCall(parser: Parser, name: string): Node {
  advance(parser);
  if (!take(parser, '(')) return { kind: 'name', name, absolute: false };
  // Old ClassAds let a semicolon part arguments.
  const args = sequence(parser, ')', [',', ';']);
  return timeLiteral(name, args) ?? { kind: 'call', name, args };
}

/** A time is written as a call with one string; without a zone its value is known only when run. */
function timeLiteral(name: string, args: readonly Node[]): Node | null {
  const only = args[0];
  if (args.length !== 1 || only?.kind !== 'literal' || typeof only.value !== 'string') return null;
  const lower = name.toLowerCase();
  const value =
    lower === 'abstime'
      ? readAbsTime(only.value, null)
      : lower === 'reltime'
        ? readRelTime(only.value)
        : null;
  return value && { kind: 'literal', value };
}

function group(parser: Parser): Node {
  const of = expression(parser);
  require(parser, ')');
  return { kind: 'group', of };
}

function sequence(parser: Parser, close: string, between: readonly string[]): Node[] {
  const items: Node[] = [];
  if (take(parser, close)) return items;
  do items.push(expression(parser));
  while (between.some((mark) => take(parser, mark)));
  require(parser, close);
  return items;
}

function attributes(parser: Parser): AttributeNode[] {
  const found: AttributeNode[] = [];
  if (take(parser, ']')) return found;
  do {
    const name = nameOf(parser);
    require(parser, '=');
    found.push({ name, value: expression(parser) });
  } while (take(parser, ';') && !isMark(parser, ']'));
  require(parser, ']');
  return found;
}
