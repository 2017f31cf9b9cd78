import fc from 'fast-check';
import { functionNames } from '../functions/table.ts';
import { absTime, ERROR, real, relTime, type Scalar, wrapped } from '../scalar.ts';
import { type BinaryOperator, type Node, PRECEDENCE, type UnaryOperator } from '../tree.ts';

/** As the parser makes objects. */
function record<T>(parts: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record<T>(parts, { noNullPrototype: true });
}

const name = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'B', 'Memory', 'my', 'TARGET', 'self', 'parent', '_x1'),
  },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 6 }).filter(isNamable) },
);

/**
 * NUL cannot be written, a lone half of a surrogate pair is no text, and objects in JSON do not keep
 * the order of members that look like numbers.
 */
function isNamable(text: string): boolean {
  return !/^\d*$/.test(text) && !text.includes('\0') && text.isWellFormed();
}

const text = fc.oneof(
  fc
    .string({ maxLength: 8, unit: 'binary' })
    .filter((one) => !one.includes('\0') && one.isWellFormed()),
  fc.constantFrom(
    '',
    'a b',
    '"',
    "'",
    '\\',
    '\\"',
    'line\nline',
    '\x07\x1f',
    '12',
    '1.5',
    '^a+$',
    'x@y',
  ),
);

const scalar: fc.Arbitrary<Scalar> = fc.oneof(
  fc.constantFrom<Scalar>(undefined, ERROR, true, false, 0, 1, -1, 2, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(wrapped),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(real),
  text,
  record({
    at: fc.integer({ min: -6e10, max: 2e11 }),
    zone: fc.integer({ min: -839, max: 839 }),
  }).map(({ at, zone }) => absTime(at, zone * 60)),
  fc
    .double({ min: -1e11, max: 1e11, noNaN: true })
    .map((seconds) => relTime(Math.trunc(seconds * 1000) / 1000)),
);

const literal: fc.Arbitrary<Node> = scalar.map((value) => ({ kind: 'literal', value }));
const reference: fc.Arbitrary<Node> = record({
  kind: fc.constant('name' as const),
  name,
  absolute: fc.boolean(),
});

const UNARY: readonly UnaryOperator[] = ['-', '+', '~', '!'];
const BINARY = Object.keys(PRECEDENCE) as BinaryOperator[];

/** Trees as the parser could make them: what would bind otherwise stands in parentheses. */
export const randomTree: fc.Arbitrary<Node> = fc.letrec<{ node: Node }>((tie) => {
  const node = tie('node');
  const attributes = fc.uniqueArray(record({ name, value: node }), {
    maxLength: 3,
    selector: (one) => one.name.toLowerCase(),
  });
  return {
    node: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      literal,
      reference,
      record({ kind: fc.constant('select' as const), of: node.map(primary), name }),
      record({
        kind: fc.constant('call' as const),
        name: fc.constantFrom(...functionNames(), 'noSuchFunction'),
        args: fc.array(node, { maxLength: 4 }),
      }).map(foldedTime),
      record({
        kind: fc.constant('unary' as const),
        operator: fc.constantFrom(...UNARY),
        of: node.map(prefixed),
      }),
      record({ operator: fc.constantFrom(...BINARY), left: node, right: node }).map(
        ({ operator, left, right }) => binary(operator, left, right),
      ),
      record({ condition: node, yes: node, no: node }).map(
        ({ condition, yes, no }): Node => ({
          kind: 'ternary',
          condition: condition.kind === 'ternary' ? group(condition) : condition,
          yes,
          no,
        }),
      ),
      record({ of: node.map(primary), fallback: node.map(postfix) }).map(
        ({ of, fallback }): Node => ({ kind: 'elvis', of, fallback }),
      ),
      record({ kind: fc.constant('index' as const), of: node.map(primary), at: node }),
      node.map(group),
      record({ kind: fc.constant('list' as const), items: fc.array(node, { maxLength: 4 }) }),
      attributes.map((all): Node => ({ kind: 'ad', attributes: all })),
    ),
  };
}).node;

/** The parser makes literals of times that are written out. */
function foldedTime(node: Node & { kind: 'call' }): Node {
  const isTime = /^(abs|rel)time$/.test(node.name);
  return isTime ? { ...node, args: node.args.map(group) } : node;
}

function group(of: Node): Node {
  return { kind: 'group', of };
}

const CLOSED = new Set(['literal', 'name', 'call', 'group', 'list', 'ad', 'select', 'index']);

function primary(node: Node): Node {
  return CLOSED.has(node.kind) ? node : group(node);
}

function postfix(node: Node): Node {
  return node.kind === 'elvis' ? node : primary(node);
}

function prefixed(node: Node): Node {
  return node.kind === 'unary' ? node : postfix(node);
}

function binary(operator: BinaryOperator, left: Node, right: Node): Node {
  const level = PRECEDENCE[operator];
  const fits = (node: Node, least: number) =>
    node.kind === 'binary' ? PRECEDENCE[node.operator] >= least : node.kind !== 'ternary';
  return {
    kind: 'binary',
    operator,
    left: fits(left, level) ? left : group(left),
    right: fits(right, level + 1) ? right : group(right),
  };
}
