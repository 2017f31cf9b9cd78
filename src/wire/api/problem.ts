import * as z from 'zod';
import { message } from './message.ts';

/** The schema of `Problem` (RFC 9457), for the document. */
export const problem = message(
  'Problem',
  'Why a request was not carried out.',
  z.object({
    title: z.string(),
    status: z.int().min(100).max(599),
    code: z.string().max(100).describe('Stable; see the reference of errors.'),
    detail: z.string(),
    todo: z.string().describe('What to do next.'),
    facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  }),
);
