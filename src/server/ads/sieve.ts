/** Lists that are asked for by a constraint, with the attributes that are wanted of what fits. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Ad,
  type Ambient,
  type Attribute,
  compileExpression,
  EXACT,
  type Expression,
  evaluate,
  printAd,
  printValue,
  truthOf,
  wholeAd,
} from '#classad';
import type { AdQuery } from '#wire';
import { serverErrors } from '../errors.ts';

/** For each ad. A constraint that a person writes takes some microseconds. */
const BUDGET = { steps: 100_000, characters: 1 << 20, ms: 20 };
/** How long leases may wait for a list. */
const SLICE_MS = 10;
/** Evaluation of one list; a million records take two seconds. */
const MOST_MS = 30_000;

/** One question as it was asked. */
export interface Sieve {
  /** Null: everything fits. */
  readonly constraint: Expression | null;
  /** Null: none are wanted; `'*'`: all, unevaluated. */
  readonly attributes: readonly string[] | '*' | null;
  readonly ambient: Ambient;
}

/** Errors: `CLASSAD_SYNTAX_WRONG`, `CLASSAD_TOO_LARGE`. */
export function sieveOf({ constraint, attributes }: AdQuery, ambient: Ambient): Sieve {
  const names = attributes === '*' || attributes === undefined ? attributes : attributes.split(',');
  return {
    constraint: constraint === undefined ? null : compileExpression(constraint),
    attributes: names ?? null,
    ambient,
  };
}

/** Whether an ad fits: the constraint is true of it, and neither `undefined` nor `error`. */
export function fits({ constraint, ambient }: Sieve, ad: Ad): boolean {
  if (constraint === null) return true;
  return truthOf(evaluate(constraint, { my: ad, ambient, budget: BUDGET })) === true;
}

/** The ad in the bracketed form: its expressions, or the values of the attributes that are wanted. */
export function toldOf({ attributes, ambient }: Sieve, ad: Ad): string | undefined {
  if (attributes === null) return undefined;
  if (attributes === '*') return printAd(wholeAd(ad));
  const told = attributes.flatMap((name) => {
    const found = attributeOf(ad, name.toLowerCase());
    if (found === undefined) return [];
    const value = evaluate(found.expression, { my: ad, ambient, budget: BUDGET });
    return [`${found.name} = ${printValue(value, EXACT)}`];
  });
  return `[ ${told.join('; ')} ]`;
}

function attributeOf(ad: Ad, lowerName: string): Attribute | undefined {
  for (let at: Ad | null = ad; at; at = at.chained) {
    const found = at.attributes.get(lowerName);
    if (found) return found;
  }
  return undefined;
}

/**
 * What fits of pages of items, in their order. Others have their turn in between. Error:
 * `CONSTRAINT_TOO_COSTLY`.
 */
export async function* sift<Item>(
  sieve: Sieve,
  pages: Iterable<readonly Item[]> | AsyncIterable<readonly Item[]>,
  adOf: (item: Item) => Ad,
): AsyncGenerator<{ readonly item: Item; readonly ad: Ad }> {
  const { ambient } = sieve;
  let spentMs = 0;
  let sliceMs = ambient.elapsedMs();
  for await (const page of pages) {
    for (const item of page) {
      const ad = adOf(item);
      if (fits(sieve, ad)) yield { item, ad };
      const nowMs = ambient.elapsedMs();
      if (nowMs - sliceMs < SLICE_MS) continue;
      spentMs += nowMs - sliceMs;
      if (spentMs > MOST_MS) {
        throw serverErrors.create('CONSTRAINT_TOO_COSTLY', { seconds: MOST_MS / 1000 });
      }
      await nextTurn();
      sliceMs = ambient.elapsedMs();
    }
  }
}
