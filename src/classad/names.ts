import { enter, leave, spend } from './budget.ts';
import { ERROR } from './scalar.ts';
import type { AdValue, Attribute, Evaluation, ListValue, Value } from './value.ts';

/**
 * The value of a name without a scope: looked up in the ad at hand, in the ads around it, among the
 * special names, then in the ad that this one is matched with.
 */
export function valueOfName(evaluation: Evaluation, scope: AdValue, lowerName: string): Value {
  for (let at: AdValue | null = scope; at; at = at.lexical) {
    const attribute = at.ad.attributes.get(lowerName) ?? inChain(at, lowerName);
    if (attribute) return valueOfAttribute(evaluation, attribute, at);
  }
  const special = SPECIAL.get(lowerName);
  if (special) return special(evaluation, scope);
  const { other } = scope.root;
  const attribute = other && (other.ad.attributes.get(lowerName) ?? inChain(other, lowerName));
  return attribute ? valueOfAttribute(evaluation, attribute, other) : undefined;
}

/** The value of `ad.name`: as `valueOfName`, but never in the other ad. */
export function valueInAd(evaluation: Evaluation, scope: AdValue, lowerName: string): Value {
  for (let at: AdValue | null = scope; at; at = at.lexical) {
    const attribute = at.ad.attributes.get(lowerName) ?? inChain(at, lowerName);
    if (attribute) return valueOfAttribute(evaluation, attribute, at);
  }
  return SPECIAL.get(lowerName)?.(evaluation, scope);
}

function inChain(scope: AdValue, lowerName: string): Attribute | undefined {
  for (let ad = scope.ad.chained; ad; ad = ad.chained) {
    const attribute = ad.attributes.get(lowerName);
    if (attribute) return attribute;
  }
  return undefined;
}

/** Where a name without a scope is found, and where that attribute stands. */
export function findName(
  scope: AdValue,
  lowerName: string,
): { readonly attribute: Attribute; readonly scope: AdValue } | null {
  for (
    let at: AdValue | null = scope;
    at;
    at = at.lexical ?? (at === scope.root ? at.other : null)
  ) {
    const attribute = at.ad.attributes.get(lowerName) ?? inChain(at, lowerName);
    if (attribute) return { attribute, scope: at };
  }
  return null;
}

/** One attribute of that very ad; `undefined` where it has none. */
export function valueOfOwn(evaluation: Evaluation, scope: AdValue, lowerName: string): Value {
  const attribute = scope.ad.attributes.get(lowerName) ?? inChain(scope, lowerName);
  return attribute && valueOfAttribute(evaluation, attribute, scope);
}

function valueOfAttribute(evaluation: Evaluation, attribute: Attribute, scope: AdValue): Value {
  if (attribute.isLiteral) return attribute.value;
  // It is being computed just now: a reference that leads back to itself has no value.
  if (attribute.busy === evaluation.id) return undefined;
  attribute.busy = evaluation.id;
  enter(evaluation);
  const value = attribute.expression.run(evaluation, scope);
  leave(evaluation);
  attribute.busy = 0;
  return value;
}

type Special = (evaluation: Evaluation, scope: AdValue) => Value;

const other: Special = (_, { root }) => root.other ?? undefined;
const root: Special = (_, scope) => scope.root;

const SPECIAL: ReadonlyMap<string, Special> = new Map<string, Special>([
  ['self', (_, scope) => scope],
  ['parent', (_, scope) => scope.lexical ?? undefined],
  ['root', root],
  ['toplevel', root],
  ['my', root],
  ['ad', (_, scope) => (scope.root.other ? scope.root : undefined)],
  ['target', other],
  ['other', other],
  ['currenttime', ({ ambient }) => Math.floor(ambient.now() / 1000)],
]);

export function isSpecialName(lowerName: string): boolean {
  return SPECIAL.has(lowerName);
}

/** The value of `e.name`, given that of `e`; a list gives the list of its elements' ones. */
export function select(
  evaluation: Evaluation,
  value: Value,
  lowerName: string,
  scope: AdValue,
): Value {
  if (value === undefined) return undefined;
  if (typeof value !== 'object') return ERROR;
  if (value.kind === 'classad') return valueInAd(evaluation, value, lowerName);
  return value.kind === 'list' ? selectEach(evaluation, value, lowerName, scope) : ERROR;
}

function selectEach(
  evaluation: Evaluation,
  list: ListValue,
  lowerName: string,
  scope: AdValue,
): ListValue {
  spend(evaluation, list.elements.length);
  const values = list.elements.map(({ run }) =>
    select(evaluation, run(evaluation, list.scope), lowerName, scope),
  );
  return listOf(values, scope);
}

/** A list of values. */
export function listOf(values: readonly Value[], scope: AdValue): ListValue {
  const elements = values.map((value) => ({ node: nodeOf(value), run: () => value }));
  return { kind: 'list', elements, scope };
}

/** A tree that prints as the value does. */
export function nodeOf(value: Value): import('./tree.ts').Node {
  if (typeof value !== 'object' || (value.kind !== 'list' && value.kind !== 'classad')) {
    return { kind: 'literal', value };
  }
  if (value.kind === 'list') {
    return { kind: 'list', items: value.elements.map(({ node }) => node) };
  }
  const attributes = [...value.ad.attributes.values()].map(({ name, expression }) => ({
    name,
    value: expression.node,
  }));
  return { kind: 'ad', attributes };
}
