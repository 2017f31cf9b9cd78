/** Reader of what a machine says about itself; see `checked.ts`. */
import { readExpression } from '#classad';
import { type MachineOffer, OFFER_LIMITS } from '#model';
import { inner, type JsonObject, mismatch, text } from './checked.ts';

/** Each expression is one: the server evaluates them without looking again. */
export function readOffer(fields: JsonObject): MachineOffer {
  const offer = {
    start: readPolicy(fields.start, 'start'),
    rank: readPolicy(fields.rank, 'rank'),
    attributes: inner(fields.attributes, 'attributes', readAttributes),
  };
  const characters = Object.entries(offer.attributes).reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    0,
  );
  if (characters <= OFFER_LIMITS.attributesCharacters) return offer;
  const expected = `at most ${OFFER_LIMITS.attributesCharacters} characters`;
  throw mismatch('attributes', expected, characters);
}

function readAttributes(fields: JsonObject): Record<string, string> {
  const names = Object.keys(fields);
  if (names.length > OFFER_LIMITS.attributes || !names.every((name) => NAME.test(name))) {
    const expected = `at most ${OFFER_LIMITS.attributes} names of letters, digits and _`;
    throw mismatch('', expected, fields);
  }
  return Object.fromEntries(names.map((name) => [name, readOne(fields[name], name)]));
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,199}$/;

function readPolicy(value: unknown, key: string): string {
  return value === '' ? '' : readOne(value, key);
}

function readOne(value: unknown, key: string): string {
  const written = text(value, key, OFFER_LIMITS.expressionCharacters);
  const { problem } = readExpression(written);
  if (!problem) return written;
  throw mismatch(key, `an expression (${problem.problem})`, written);
}
