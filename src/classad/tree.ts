import type { Scalar } from './scalar.ts';

export type UnaryOperator = '-' | '+' | '~' | '!';
export type BinaryOperator =
  | '||'
  | '&&'
  | '|'
  | '^'
  | '&'
  | '=='
  | '!='
  | '=?='
  | '=!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '<<'
  | '>>'
  | '>>>'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%';

/** An expression as written; parentheses are kept. */
export type Node =
  | { readonly kind: 'literal'; readonly value: Scalar }
  /** `x`, or `.x`, which looks only into the outermost ad. */
  | { readonly kind: 'name'; readonly name: string; readonly absolute: boolean }
  | { readonly kind: 'select'; readonly of: Node; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Node[] }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly of: Node }
  | BinaryNode
  | { readonly kind: 'ternary'; readonly condition: Node; readonly yes: Node; readonly no: Node }
  | { readonly kind: 'elvis'; readonly of: Node; readonly fallback: Node }
  | { readonly kind: 'index'; readonly of: Node; readonly at: Node }
  | { readonly kind: 'group'; readonly of: Node }
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'ad'; readonly attributes: readonly AttributeNode[] };

export interface BinaryNode {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Node;
  readonly right: Node;
}

export interface AttributeNode {
  readonly name: string;
  readonly value: Node;
}

/** Higher binds closer; all of these are left-associative. */
export const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  '*': 10,
  '/': 10,
  '%': 10,
  '+': 9,
  '-': 9,
  '<<': 8,
  '>>': 8,
  '>>>': 8,
  '<': 7,
  '<=': 7,
  '>': 7,
  '>=': 7,
  '==': 6,
  '!=': 6,
  '=?=': 6,
  '=!=': 6,
  '&': 5,
  '^': 4,
  '|': 3,
  '&&': 2,
  '||': 1,
};

/** `a op b op c …` as its first operand and the rest, so that long chains need no deep recursion. */
export interface Spine {
  readonly first: Node;
  readonly rest: readonly { readonly operator: BinaryOperator; readonly right: Node }[];
}

export function spineOf(node: BinaryNode): Spine {
  const rest: Spine['rest'][number][] = [];
  let at: Node = node;
  while (at.kind === 'binary') {
    rest.push(at);
    at = at.left;
  }
  return { first: at, rest: rest.reverse() };
}

/** The direct parts of an expression, in the order in which they are evaluated. */
export function partsOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'literal':
    case 'name':
      return [];
    case 'select':
    case 'unary':
    case 'group':
      return [node.of];
    case 'call':
      return node.args;
    case 'binary': {
      const { first, rest } = spineOf(node);
      return [first, ...rest.map(({ right }) => right)];
    }
    case 'ternary':
      return [node.condition, node.yes, node.no];
    case 'elvis':
      return [node.of, node.fallback];
    case 'index':
      return [node.of, node.at];
    case 'list':
      return node.items;
    case 'ad':
      return node.attributes.map(({ value }) => value);
  }
}

const KEYWORDS = new Set(['true', 'false', 'undefined', 'error', 'is', 'isnt']);

export function isKeyword(lowerCaseName: string): boolean {
  return KEYWORDS.has(lowerCaseName);
}
