import { spend } from '../budget.ts';
import { type Comparison, compare, identical } from '../comparing.ts';
import { arithmetic } from '../operators.ts';
import { ERROR, real } from '../scalar.ts';
import { type Evaluation, numberOf, type Value } from '../value.ts';
import { elementsOf, type FunctionTable, isList, plain, strict } from './definition.ts';

type Test = (evaluation: Evaluation, left: Value, right: Value) => Value;

const TESTS: ReadonlyMap<string, Test> = new Map<string, Test>([
  ...(['<', '<=', '==', '!=', '>', '>='] as const).map((operator: Comparison): [string, Test] => [
    operator,
    (evaluation, left, right) => compare(evaluation, operator, left, right),
  ]),
  ...['is', '=?='].map((name): [string, Test] => [name, identical]),
  ...['isnt', '=!='].map((name): [string, Test] => [
    name,
    (evaluation, left, right) => {
      const same = identical(evaluation, left, right);
      return typeof same === 'boolean' ? !same : same;
    },
  ]),
]);

function member(byIdentity: boolean) {
  return plain(2, 2, ([wanted, list], evaluation) => {
    if (list === ERROR) return ERROR;
    if (list === undefined) return undefined;
    if (!isList(list) || isComposite(wanted) || (wanted === ERROR && !byIdentity)) return ERROR;
    if (wanted === undefined && !byIdentity) return undefined;
    const test: Test = byIdentity ? identical : (at, left, right) => compare(at, '==', left, right);
    return elementsOf(list, evaluation).some((one) => test(evaluation, one, wanted) === true);
  });
}

function isComposite(value: Value): boolean {
  return typeof value === 'object' && (value.kind === 'list' || value.kind === 'classad');
}

/** The comparison's value for each element, or what they all come to. */
function comparisons(
  [operator, list, wanted]: readonly Value[],
  evaluation: Evaluation,
): readonly Value[] | { readonly value: Value } {
  if (operator === ERROR || list === ERROR) return { value: ERROR };
  if (operator === undefined || list === undefined) return { value: undefined };
  if (typeof operator !== 'string' || !isList(list) || isComposite(wanted)) return { value: ERROR };
  const test = TESTS.get(operator.toLowerCase());
  if (!test) return { value: ERROR };
  return elementsOf(list, evaluation).map((one) => test(evaluation, one, wanted));
}

/** True at the first true; what is undefined before that makes it false, an error an error. */
const anyCompare = plain(3, 3, (values, evaluation) => {
  const found = comparisons(values, evaluation);
  if ('value' in found) return found.value;
  for (const one of found) {
    if (one === true) return true;
    if (one === ERROR) return ERROR;
    if (one === undefined) return false;
  }
  return false;
});

const allCompare = plain(3, 3, (values, evaluation) => {
  const found = comparisons(values, evaluation);
  if ('value' in found) return found.value;
  for (const one of found) {
    if (one === ERROR) return ERROR;
    if (one !== true) return false;
  }
  return true;
});

/** The elements as numbers, those undefined left out; null when one is something else. */
function numbersOf(list: Value, evaluation: Evaluation): Value[] | null {
  if (!isList(list)) return null;
  const numbers = elementsOf(list, evaluation).filter((value) => value !== undefined);
  return numbers.every((value) => numberOf(value) !== null) ? numbers : null;
}

const sum = strict(1, 1, ([list], evaluation) => {
  const numbers = numbersOf(list, evaluation);
  return numbers ? total(numbers) : ERROR;
});

function total(numbers: readonly Value[]): Value {
  return numbers.reduce((all: Value, one) => arithmetic('+', all, one), 0);
}

const average = strict(1, 1, ([list], evaluation) => {
  const numbers = numbersOf(list, evaluation);
  if (!numbers) return ERROR;
  if (numbers.length === 0) return real(0);
  const whole = numberOf(total(numbers));
  return whole === null ? ERROR : real(whole / numbers.length);
});

function extreme(operator: '<' | '>') {
  return strict(1, 1, ([list], evaluation) => {
    const numbers = numbersOf(list, evaluation);
    if (!numbers) return ERROR;
    return numbers.reduce(
      (best: Value, one) =>
        best === undefined || compare(evaluation, operator, one, best) === true ? one : best,
      undefined,
    );
  });
}

const size = strict(1, 1, ([value], evaluation) => {
  if (typeof value === 'string') {
    spend(evaluation, value.length >> 4);
    return new TextEncoder().encode(value).length;
  }
  if (isList(value)) return value.elements.length;
  return typeof value === 'object' && value.kind === 'classad' ? value.ad.attributes.size : ERROR;
});

export const listFunctions: FunctionTable = {
  member: member(false),
  identicalmember: member(true),
  anycompare: anyCompare,
  allcompare: allCompare,
  size,
  sum,
  avg: average,
  min: extreme('<'),
  max: extreme('>'),
};
