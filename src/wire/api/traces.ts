import { z } from 'zod';
import { count, type Frozen, message, moment } from './message.ts';

/** A trace id or a file name; the store refuses more by itself. */
export const traceName = z.string().min(1).max(255);

export const storedTrace = message(
  'StoredTrace',
  'A file that came home whole.',
  z.object({
    id: z.string().describe('What all files of one collection have in common.'),
    name: z.string(),
    bytes: count,
    receivedAtMs: moment,
    sha256: z.string().nullable().describe('Null where it is not known any more.'),
    sender: z.string().nullable().describe('Address; null in an anonymous store.'),
  }),
);
export type TraceView = Frozen<z.infer<typeof storedTrace>>;

export const traceCheck = message(
  'TraceCheck',
  'Whether a stored file is still what came.',
  z.object({
    id: z.string(),
    name: z.string(),
    state: z.enum(['whole', 'damaged', 'unknown']).describe('`unknown`: its digest is lost.'),
  }),
);
export type TraceCheck = Frozen<z.infer<typeof traceCheck>>;
