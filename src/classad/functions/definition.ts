import { spend, spendCharacters } from '../budget.ts';
import { CONVERTED, printScalar, printValue } from '../print.ts';
import { ERROR } from '../scalar.ts';
import { printAbsTime, printRelTime } from '../time-text.ts';
import type { AdValue, Evaluation, Expression, ListValue, Value } from '../value.ts';

/** A built-in function: how many arguments, and what it makes of them. */
export interface FunctionDefinition {
  readonly least: number;
  readonly most: number;
  call(args: readonly Expression[], evaluation: Evaluation, scope: AdValue): Value;
}

export type FunctionTable = Readonly<Record<string, FunctionDefinition>>;

type OfValues = (values: readonly Value[], evaluation: Evaluation, scope: AdValue) => Value;

/** A function of values; what it makes of ERROR and UNDEFINED is its own business. */
export function plain(least: number, most: number, make: OfValues): FunctionDefinition {
  return {
    least,
    most,
    call: (args, evaluation, scope) =>
      make(
        args.map(({ run }) => run(evaluation, scope)),
        evaluation,
        scope,
      ),
  };
}

/** As most are: any ERROR makes an ERROR, else any UNDEFINED makes UNDEFINED. */
export function strict(least: number, most: number, make: OfValues): FunctionDefinition {
  return plain(least, most, (values, evaluation, scope) => {
    if (values.includes(ERROR)) return ERROR;
    return values.includes(undefined) ? undefined : make(values, evaluation, scope);
  });
}

/** Any UNDEFINED or ERROR makes an ERROR. */
export function definite(least: number, most: number, make: OfValues): FunctionDefinition {
  return plain(least, most, (values, evaluation, scope) =>
    values.includes(ERROR) || values.includes(undefined) ? ERROR : make(values, evaluation, scope),
  );
}

export function isList(value: Value): value is ListValue {
  return typeof value === 'object' && value.kind === 'list';
}

export function elementsOf(list: ListValue, evaluation: Evaluation): Value[] {
  return list.elements.map(({ run }) => {
    spend(evaluation, 1);
    return run(evaluation, list.scope);
  });
}

/** A new string, paid for. */
export function made(evaluation: Evaluation, text: string): string {
  spendCharacters(evaluation, text.length);
  return text;
}

/** Text of any proper value as HTCondor's functions convert it; strings as they are. */
export function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value.kind === 'abstime') return printAbsTime(value);
  if (typeof value === 'object' && value.kind === 'reltime') return printRelTime(value);
  if (typeof value === 'object' && (value.kind === 'list' || value.kind === 'classad')) {
    return printValue(value, CONVERTED);
  }
  return printScalar(value, CONVERTED);
}
