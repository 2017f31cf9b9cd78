import { enter, leave, spend } from './budget.ts';
import { type Comparison, compare, identical } from './comparing.ts';
import { findFunction } from './functions/table.ts';
import { select, valueInAd, valueOfName, valueOfOwn } from './names.ts';
import {
  type ArithmeticOperator,
  arithmetic,
  type BitOperator,
  bitwise,
  unary,
} from './operators.ts';
import { ERROR } from './scalar.ts';
import { type AttributeNode, type BinaryOperator, type Node, spineOf } from './tree.ts';
import {
  type Ad,
  type AdValue,
  type Attribute,
  type Expression,
  isInteger,
  type Run,
  truthOf,
  type Value,
} from './value.ts';

/** An expression with its closures, made when it is first run. */
export function expressionOf(node: Node): Expression {
  const expression: Expression = {
    node,
    run(evaluation, scope) {
      expression.run = compile(node);
      return expression.run(evaluation, scope);
    },
  };
  return expression;
}

/** An ad of attributes as written; of several with one name the last counts. */
export function adOf(attributes: readonly AttributeNode[], chained: Ad | null = null): Ad {
  const found = new Map<string, Attribute>();
  for (const { name, value } of attributes) {
    found.set(name.toLowerCase(), {
      name,
      expression: expressionOf(value),
      isLiteral: value.kind === 'literal',
      value: value.kind === 'literal' ? value.value : undefined,
      busy: 0,
    });
  }
  return { attributes: found, chained };
}

/** The ad as the outermost of its kind, alone or matched with another. */
export function rootOf(ad: Ad): AdValue & { other: AdValue | null } {
  const scope: { -readonly [Key in keyof AdValue]: AdValue[Key] } = {
    kind: 'classad',
    ad,
    lexical: null,
    root: null as never,
    other: null,
  };
  scope.root = scope;
  return scope;
}

function compile(node: Node): Run {
  switch (node.kind) {
    case 'literal': {
      const { value } = node;
      return () => value;
    }
    case 'name':
      return compileName(node.name.toLowerCase(), node.absolute);
    case 'group':
      return compile(node.of);
    case 'binary':
      return compileSpine(node);
    case 'call':
      return compileCall(node);
    case 'select':
      return compileSelect(node.of, node.name.toLowerCase());
    case 'list':
      return compileList(node.items);
    case 'ad':
      return compileAd(node.attributes);
    default:
      return deeper(compileMixed(node));
  }
}

/** Counts nesting and work around a closure that runs others. */
function deeper(run: Run): Run {
  return (evaluation, scope) => {
    enter(evaluation);
    const value = run(evaluation, scope);
    leave(evaluation);
    return value;
  };
}

function compileName(lowerName: string, absolute: boolean): Run {
  if (absolute) {
    return (evaluation, scope) => {
      spend(evaluation, 1);
      return valueOfOwn(evaluation, scope.root, lowerName);
    };
  }
  return (evaluation, scope) => {
    spend(evaluation, 1);
    return valueOfName(evaluation, scope, lowerName);
  };
}

function compileSelect(of: Node, lowerName: string): Run {
  const side = of.kind === 'name' && !of.absolute ? SIDES.get(of.name.toLowerCase()) : undefined;
  if (side !== undefined) return compileSide(side, lowerName);
  const run = compile(of);
  return deeper((evaluation, scope) =>
    select(evaluation, run(evaluation, scope), lowerName, scope),
  );
}

const SIDES: ReadonlyMap<string, 'my' | 'target'> = new Map([
  ['my', 'my'],
  ['target', 'target'],
  ['other', 'target'],
]);

/** `MY.x` and `TARGET.x`, most of what requirements are made of, without looking `MY` up as a name. */
function compileSide(side: 'my' | 'target', lowerName: string): Run {
  if (side === 'my') {
    return (evaluation, scope) => {
      spend(evaluation, 2);
      return valueInAd(evaluation, scope.root, lowerName);
    };
  }
  return (evaluation, scope) => {
    spend(evaluation, 2);
    const { other } = scope.root;
    return other === null ? undefined : valueInAd(evaluation, other, lowerName);
  };
}

type Step = (before: Value, ...rest: Parameters<Run>) => Value;

/** `a op b op c …` as a loop: its length is bounded by steps, not by nesting. */
function compileSpine(node: Extract<Node, { kind: 'binary' }>): Run {
  const spine = spineOf(node);
  const first = compile(spine.first);
  const steps = spine.rest.map(({ operator, right }) => stepOf(operator, compile(right)));
  if (steps.length === 1) return compileBinary(first, steps[0]!);
  return deeper((evaluation, scope) => {
    let value = first(evaluation, scope);
    for (let at = 0; at < steps.length; at += 1) {
      spend(evaluation, 1);
      value = steps[at]!(value, evaluation, scope);
    }
    return value;
  });
}

function compileBinary(first: Run, step: Step): Run {
  return deeper((evaluation, scope) => step(first(evaluation, scope), evaluation, scope));
}

function stepOf(operator: BinaryOperator, right: Run): Step {
  switch (operator) {
    case '&&':
      return (before, evaluation, scope) => andThen(before, right, evaluation, scope);
    case '||':
      return (before, evaluation, scope) => orElse(before, right, evaluation, scope);
    case '=?=':
      return (before, evaluation, scope) => identical(evaluation, before, right(evaluation, scope));
    case '=!=':
      return (before, evaluation, scope) =>
        unary('!', identical(evaluation, before, right(evaluation, scope)));
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return comparisonStep(operator, right);
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return arithmeticStep(operator, right);
    default:
      return bitStep(operator, right);
  }
}

function comparisonStep(operator: Comparison, right: Run): Step {
  return (before, evaluation, scope) =>
    compare(evaluation, operator, before, right(evaluation, scope));
}

function arithmeticStep(operator: ArithmeticOperator, right: Run): Step {
  return (before, evaluation, scope) => arithmetic(operator, before, right(evaluation, scope));
}

function bitStep(operator: BitOperator, right: Run): Step {
  return (before, evaluation, scope) => bitwise(operator, before, right(evaluation, scope));
}

/** Not symmetric: an error on the left wins over everything, one on the right is not looked at after false. */
function andThen(before: Value, right: Run, ...at: Parameters<Run>): Value {
  const left = truthOf(before);
  if (left === false || left === ERROR) return left;
  const after = truthOf(right(...at));
  return left === true || after === false || after === ERROR ? after : undefined;
}

function orElse(before: Value, right: Run, ...at: Parameters<Run>): Value {
  const left = truthOf(before);
  if (left === true || left === ERROR) return left;
  const after = truthOf(right(...at));
  return left === false || after === true || after === ERROR ? after : undefined;
}

function compileMixed(node: Extract<Node, { kind: 'unary' | 'ternary' | 'elvis' | 'index' }>): Run {
  switch (node.kind) {
    case 'unary': {
      const { operator } = node;
      const of = compile(node.of);
      return (evaluation, scope) => unary(operator, of(evaluation, scope));
    }
    case 'ternary':
      return choose(compile(node.condition), compile(node.yes), compile(node.no));
    case 'elvis': {
      const of = compile(node.of);
      const fallback = compile(node.fallback);
      return (evaluation, scope) => of(evaluation, scope) ?? fallback(evaluation, scope);
    }
    case 'index': {
      const of = compile(node.of);
      const at = compile(node.at);
      return (evaluation, scope) =>
        elementOf(of(evaluation, scope), at(evaluation, scope), evaluation);
    }
  }
}

function choose(condition: Run, yes: Run, no: Run): Run {
  return (evaluation, scope) => {
    const truth = truthOf(condition(evaluation, scope));
    if (typeof truth !== 'boolean') return truth;
    return truth ? yes(evaluation, scope) : no(evaluation, scope);
  };
}

function elementOf(of: Value, at: Value, evaluation: Parameters<Run>[0]): Value {
  if (of === ERROR || at === ERROR) return ERROR;
  if (of === undefined || at === undefined) return undefined;
  if (typeof of !== 'object') return ERROR;
  if (of.kind === 'classad') {
    return typeof at === 'string' ? valueOfOwn(evaluation, of, at.toLowerCase()) : ERROR;
  }
  if (of.kind !== 'list' || !isInteger(at)) return ERROR;
  const element = of.elements[Number(at)];
  return element ? element.run(evaluation, of.scope) : ERROR;
}

function compileList(items: readonly Node[]): Run {
  const elements = items.map(expressionOf);
  return (evaluation, scope) => {
    spend(evaluation, 1);
    return { kind: 'list', elements, scope };
  };
}

function compileAd(attributes: readonly AttributeNode[]): Run {
  const ad = adOf(attributes);
  return (evaluation, scope) => {
    spend(evaluation, 1);
    return { kind: 'classad', ad, lexical: scope, root: scope.root, other: null };
  };
}

/** A function that does not exist, or a wrong number of arguments, is an error when evaluated. */
function compileCall(node: Extract<Node, { kind: 'call' }>): Run {
  const found = findFunction(node.name.toLowerCase());
  const count = node.args.length;
  if (!found || count < found.least || count > found.most) return () => ERROR;
  const args = node.args.map(expressionOf);
  return deeper((evaluation, scope) => found.call(args, evaluation, scope));
}
