import { conversionFunctions } from './conversion.ts';
import type { FunctionDefinition } from './definition.ts';
import { listFunctions } from './lists.ts';
import { numberFunctions } from './numbers.ts';
import { regexFunctions } from './regexes.ts';
import { scopeFunctions } from './scopes.ts';
import { stringListFunctions } from './string-lists.ts';
import { stringFunctions } from './strings.ts';
import { timeFunctions } from './times.ts';
import { typeFunctions } from './types.ts';
import { wordFunctions } from './words.ts';

/** Every built-in function by its name in lower case. */
const FUNCTIONS: ReadonlyMap<string, FunctionDefinition> = new Map(
  [
    typeFunctions,
    listFunctions,
    timeFunctions,
    stringFunctions,
    regexFunctions,
    conversionFunctions,
    numberFunctions,
    scopeFunctions,
    stringListFunctions,
    wordFunctions,
  ].flatMap((table) => Object.entries(table)),
);

export function findFunction(lowerName: string): FunctionDefinition | undefined {
  return FUNCTIONS.get(lowerName);
}

/** Names of all built-in functions, in lower case and alphabetical order. */
export function functionNames(): string[] {
  return [...FUNCTIONS.keys()].sort();
}
