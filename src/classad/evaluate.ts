import { type Budget, BudgetSpent, type Exhausted, openEvaluation } from './budget.ts';
import { adOf, expressionOf, rootOf } from './compile.ts';
import { EXPRESSION_MOST_CHARACTERS } from './limits.ts';
import { parseExpression, readExpression } from './parser.ts';
import { ERROR, integerFrom, real } from './scalar.ts';
import { type Ad, type Ambient, type Expression, truthOf, type Value } from './value.ts';

/** What an expression is evaluated in; both ads may be missing. */
export interface Surround {
  readonly my?: Ad | null;
  readonly target?: Ad | null;
  readonly ambient: Ambient;
  readonly budget?: Budget;
}

export interface Evaluated {
  readonly value: Value;
  /** What ran out, when that is why the value is `error`. */
  readonly exhausted: Exhausted | null;
}

const EMPTY: Ad = { attributes: new Map(), chained: null };

/** Reads and compiles an expression. Errors: `CLASSAD_SYNTAX_WRONG`, `CLASSAD_TOO_LARGE`. */
export function compileExpression(text: string): Expression {
  return expressionOf(parseExpression(text));
}

/** The value of an expression. Never throws and always ends: what costs too much is `error`. */
export function evaluate(expression: Expression, surround: Surround): Value {
  return evaluateFully(expression, surround).value;
}

/** As `evaluate`, saying what ran out if something did. */
export function evaluateFully(expression: Expression, surround: Surround): Evaluated {
  const my = rootOf(surround.my ?? EMPTY);
  if (surround.target) {
    const target = rootOf(surround.target);
    my.other = target;
    target.other = my;
  }
  const evaluation = openEvaluation(surround.ambient, expressionIn, surround.budget);
  try {
    return { value: expression.run(evaluation, my), exhausted: null };
  } catch (error) {
    if (error instanceof BudgetSpent) return { value: ERROR, exhausted: error.what };
    // The stack's own end: nesting of text within nesting of evaluation.
    if (error instanceof RangeError) return { value: ERROR, exhausted: 'nesting' };
    throw error;
  }
}

function expressionIn(text: string): Expression | null {
  if (text.length > EXPRESSION_MOST_CHARACTERS) return null;
  const { node } = readExpression(text);
  return node ? expressionOf(node) : null;
}

/** The value of one attribute, `undefined` where the ad has none. */
export function evaluateAttribute(ad: Ad, name: string, surround: Omit<Surround, 'my'>): Value {
  const attribute = findAttribute(ad, name);
  return attribute && evaluate(attribute, { ...surround, my: ad });
}

/** The expression of an attribute of the ad or of those it is chained to; names ignore case. */
export function findAttribute(ad: Ad, name: string): Expression | undefined {
  const lower = name.toLowerCase();
  for (let at: Ad | null = ad; at; at = at.chained) {
    const attribute = at.attributes.get(lower);
    if (attribute) return attribute.expression;
  }
  return undefined;
}

/** Whether both ads' `Requirements` are true of each other. */
export function matches(left: Ad, right: Ad, ambient: Ambient): boolean {
  const holds = (my: Ad, target: Ad) =>
    truthOf(evaluateAttribute(my, 'requirements', { target, ambient })) === true;
  return holds(right, left) && holds(left, right);
}

/** A value in JavaScript as an ad's attribute: whole numbers are integers unless wrapped as reals. */
export type Plain = Exclude<Value, { readonly kind: 'list' } | { readonly kind: 'classad' }>;

/** An ad of values. */
export function adOfValues(values: Readonly<Record<string, Plain>>, chained: Ad | null = null): Ad {
  const attributes = Object.entries(values).map(([name, value]) => ({
    name,
    value: { kind: 'literal', value } as const,
  }));
  return adOf(attributes, chained);
}

const WHOLE = /^[+-]?(?:0|[1-9]\d*)$/;
const DECIMAL = /^[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?$/;

/** Text as a value: a number when it looks like one, else the string; `007` is a string. */
export function plainFrom(text: string): Plain {
  const trimmed = text.trim();
  if (trimmed.length > 400) return text;
  if (WHOLE.test(trimmed)) return integerFrom(trimmed) ?? real(Number(trimmed));
  return DECIMAL.test(trimmed) ? real(Number(trimmed)) : text;
}
