/** Keys of a sweep file that say which machines a job wants, and whose it is. */
import * as z from 'zod';
import { EXACT, printNode } from '#classad';
import { LIMIT_NAME } from '#model';

const EXPRESSION = 'an expression, e.g. "TARGET.Memory >= 4000"';
/** What is wrong with it is told by `checkMatching`, with a caret. */
export const expression = z.string({ error: EXPRESSION }).min(1, { error: EXPRESSION });

const VALUE = 'a text, number, true/false, or { expression = "…" }';
const value = z.union(
  [
    z.string().transform(literal),
    z.boolean().transform(literal),
    z.bigint().transform((whole) => String(whole)),
    z.number().transform(String),
    z.strictObject({ expression }).transform((written) => written.expression),
  ],
  { error: VALUE },
);

/** Attributes of its own as expressions: a text of the file is a string of the language. */
export const attributes = z.record(z.string(), value, { error: 'a table of attributes' });

const AMOUNT = 'a number above 0: how much one attempt takes';
export const concurrencyLimits = z
  .record(
    z
      .string()
      .transform((name) => name.toLowerCase())
      .pipe(z.string().regex(LIMIT_NAME)),
    z.number({ error: AMOUNT }).positive({ error: AMOUNT }).max(1e9, { error: AMOUNT }),
    { error: 'a table of limits, e.g. { licence = 2 }; names of letters, digits, _ and .' },
  )
  .optional();

const GROUP = 'a name like physics.cms';
export const accountingGroup = z
  .string({ error: GROUP })
  .regex(/^\w[\w.-]{0,99}$/, { error: GROUP });

function literal(written: string | boolean): string {
  return printNode({ kind: 'literal', value: written }, EXACT);
}
