import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { type Facts, WindrowError } from '#base';
import { type Frozen, message } from './message.ts';

export const PROBLEM_MEDIA = 'application/problem+json';

/** RFC 9457, with Windrow's stable `code`, what to do next, and the facts. */
export const problem = message(
  'Problem',
  'Why a request was not carried out.',
  z.object({
    type: z.string().describe('`urn:windrow:error:CODE`'),
    title: z.string(),
    status: z.int().min(100).max(599),
    code: z.string().max(100).describe('Stable; see the reference of errors.'),
    detail: z.string(),
    todo: z.string().describe('What to do next.'),
    facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  }),
);
export type Problem = Frozen<z.infer<typeof problem>>;

export function problemOf(error: WindrowError): Problem {
  const facts: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of Object.entries(error.facts)) {
    if (value !== undefined) facts[name] = value;
  }
  return {
    type: `urn:windrow:error:${error.code}`,
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    code: error.code,
    detail: error.message,
    todo: error.todo,
    facts,
  };
}

/** The error that the other side made the problem from. */
export function errorOfProblem(from: Problem): WindrowError {
  return new WindrowError({
    code: from.code,
    message: from.detail,
    todo: from.todo,
    status: from.status,
    facts: from.facts as Facts,
  });
}
