import { ERROR, type ErrorValue, type Scalar } from './scalar.ts';
import type { Node } from './tree.ts';

/** What an expression evaluates to. `undefined` is the language's UNDEFINED. */
export type Value = Scalar | ListValue | AdValue;

/** A list holds expressions; its elements are evaluated when they are looked at. */
export interface ListValue {
  readonly kind: 'list';
  readonly elements: readonly Expression[];
  /** Where names of the elements are looked up. */
  readonly scope: AdValue;
}

/** An ad at its place: names that it lacks are looked up in the ads around it, then in the other. */
export interface AdValue {
  readonly kind: 'classad';
  readonly ad: Ad;
  readonly lexical: AdValue | null;
  /** The outermost ad around it. */
  readonly root: AdValue;
  /** Of a root: the ad it is matched with. */
  readonly other: AdValue | null;
}

/** Attributes by lower-case name, in the order of their writing. */
export interface Ad {
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** Looked into for what this ad lacks, as a job's ad is by its tasks'. */
  readonly chained: Ad | null;
}

export interface Attribute {
  /** As written. */
  readonly name: string;
  readonly expression: Expression;
  /** Most attributes are values; kept here, where looking one up needs to go no further. */
  readonly isLiteral: boolean;
  readonly value: Value;
  /** Evaluation that is computing it just now, or 0: finds references that lead back. */
  busy: number;
}

/** An attribute that is a value. */
export function valueAttribute(name: string, value: Scalar): Attribute {
  const expression = { node: { kind: 'literal', value } as const, run: () => value };
  return { name, expression, isLiteral: true, value, busy: 0 };
}

export type Run = (evaluation: Evaluation, scope: AdValue) => Value;

/** A tree with its closure; compiled when first run. */
export interface Expression {
  readonly node: Node;
  run: Run;
}

/** Clock, chance and place come in from outside, so that evaluation is repeatable. */
export interface Ambient {
  /** Milliseconds since 1970. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** Seconds east of Greenwich at that instant. */
  zoneOffsetSeconds(epochSeconds: number): number;
  /** Any clock that only grows; ends evaluations that take too long. Milliseconds. */
  elapsedMs(): number;
}

/** One evaluation and what it may still spend. */
export interface Evaluation {
  readonly id: number;
  readonly ambient: Ambient;
  readonly expressionOf: (text: string) => Expression | null;
  steps: number;
  depth: number;
  characters: number;
  /** The clock is read when `steps` falls below this. */
  checkBelow: number;
  /** At most this long after the first look at the clock. */
  readonly deadlineMs: number;
  startedMs: number;
}

export type ValueType =
  | 'undefined'
  | 'error'
  | 'boolean'
  | 'integer'
  | 'real'
  | 'string'
  | 'abstime'
  | 'reltime'
  | 'list'
  | 'classad';

export function typeOf(value: Value): ValueType {
  switch (typeof value) {
    case 'undefined':
      return 'undefined';
    case 'boolean':
      return 'boolean';
    case 'string':
      return 'string';
    case 'object':
      return value.kind;
    default:
      return 'integer';
  }
}

export function isInteger(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** True, false, `undefined`, or ERROR for what is neither boolean nor number. */
export function truthOf(value: Value): boolean | undefined | ErrorValue {
  if (typeof value === 'boolean' || value === undefined) return value;
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'bigint') return true;
  if (typeof value === 'object' && value.kind === 'real') return value.value !== 0;
  return ERROR;
}

/** A number as a double, booleans as 0 and 1; null for everything else. */
export function numberOf(value: Value): number | null {
  switch (typeof value) {
    case 'number':
      return value;
    case 'bigint':
    case 'boolean':
      return Number(value);
    case 'object':
      return value.kind === 'real' ? value.value : null;
    default:
      return null;
  }
}
