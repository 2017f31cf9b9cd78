import { spend } from '../budget.ts';
import { findName, isSpecialName, listOf } from '../names.ts';
import { patternOf } from '../pattern.ts';
import { printNode } from '../print.ts';
import { externalReferences } from '../references.ts';
import { ERROR } from '../scalar.ts';
import {
  type AdValue,
  type Evaluation,
  type Expression,
  truthOf,
  typeOf,
  type Value,
} from '../value.ts';
import {
  elementsOf,
  type FunctionDefinition,
  type FunctionTable,
  isList,
  made,
  plain,
  strict,
} from './definition.ts';
import { isFound } from './regexes.ts';

const ifThenElse: FunctionDefinition = {
  least: 3,
  most: 3,
  call([condition, yes, no], evaluation, scope) {
    const truth = truthOf(condition!.run(evaluation, scope));
    if (typeof truth !== 'boolean') return truth;
    return (truth ? yes! : no!).run(evaluation, scope);
  },
};

const evaluate = strict(1, 1, ([value], evaluation, scope) => {
  if (typeof value !== 'string') return value;
  // Parsing costs about as much as evaluating what was parsed.
  spend(evaluation, value.length);
  made(evaluation, value);
  const expression = evaluation.expressionOf(value);
  return expression ? expression.run(evaluation, scope) : ERROR;
});

/** The expression behind an attribute named by the argument; null for other arguments. */
function named({ node }: Expression, scope: AdValue): { found: Expression | null } | null {
  if (node.kind !== 'name') return null;
  const from = node.absolute ? scope.root : scope;
  return { found: findName(from, node.name.toLowerCase())?.attribute.expression ?? null };
}

const unparse: FunctionDefinition = {
  least: 1,
  most: 1,
  call([argument], evaluation, scope) {
    const attribute = named(argument!, scope);
    if (!attribute) return ERROR;
    return made(evaluation, attribute.found ? printNode(attribute.found.node) : '');
  },
};

const unresolved: FunctionDefinition = {
  least: 1,
  most: 2,
  call([argument, pattern], evaluation, scope) {
    const attribute = named(argument!, scope);
    if (!attribute) return ERROR;
    const names = attribute.found ? missingNames(attribute.found, evaluation, scope) : [];
    if (!pattern) return made(evaluation, names.join(','));
    const text = pattern.run(evaluation, scope);
    if (text === undefined) return undefined;
    const compiled = typeof text === 'string' ? patternOf(evaluation, text, 'i') : null;
    if (!compiled) return ERROR;
    return names.some((name) => isFound(evaluation, compiled, name) === true);
  },
};

function missingNames({ node }: Expression, evaluation: Evaluation, scope: AdValue): string[] {
  const isKnown = (lowerName: string) => {
    return isSpecialName(lowerName) || findName({ ...scope, root: NOWHERE }, lowerName) !== null;
  };
  return externalReferences(node, isKnown, () => spend(evaluation, 1));
}

/** A root without another ad, so that names are looked up on this side only. */
const NOWHERE: AdValue = {
  kind: 'classad',
  ad: { attributes: new Map(), chained: null },
  lexical: null,
  get root() {
    return NOWHERE;
  },
  other: null,
};

/** Evaluates the first argument, unevaluated, in each ad of the list. */
function inEachAd(
  [first, second]: readonly Expression[],
  evaluation: Evaluation,
  scope: AdValue,
): readonly Value[] | { readonly value: Value } {
  const list = second!.run(evaluation, scope);
  if (list === undefined) return { value: undefined };
  if (!isList(list)) return { value: ERROR };
  const { run } = named(first!, scope)?.found ?? first!;
  return elementsOf(list, evaluation).map((ad) => {
    if (typeof ad !== 'object' || ad.kind !== 'classad') return ERROR;
    return run(evaluation, ad);
  });
}

const evaluateInEach: FunctionDefinition = {
  least: 2,
  most: 2,
  call(args, evaluation, scope) {
    const values = inEachAd(args, evaluation, scope);
    return 'value' in values ? values.value : listOf(values, scope);
  },
};

const countMatches: FunctionDefinition = {
  least: 2,
  most: 2,
  call(args, evaluation, scope) {
    const values = inEachAd(args, evaluation, scope);
    if (!('value' in values)) return values.filter((value) => truthOf(value) === true).length;
    return values.value ?? 0;
  },
};

/** Nobody's home is looked up and no map is loaded: what is left is the fallback. */
function onlyFallback(least: number, most: number, at: number): FunctionDefinition {
  return plain(least, most, (values) => {
    const isProper = values
      .slice(0, at)
      .every((value) => ['string', 'undefined'].includes(typeOf(value)));
    return isProper ? values[at] : ERROR;
  });
}

export const scopeFunctions: FunctionTable = {
  ifthenelse: ifThenElse,
  eval: evaluate,
  debug: plain(1, 1, ([value]) => value),
  unparse,
  unresolved,
  evalineachcontext: evaluateInEach,
  countmatches: countMatches,
  userhome: onlyFallback(1, 2, 1),
  usermap: onlyFallback(2, 4, 3),
};
