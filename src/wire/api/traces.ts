import * as z from 'zod';
import { count, type Frozen, message, moment, reason } from './message.ts';

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

export const traceUpload = message(
  'TraceUpload',
  'A file that is on its way, or whose sender went away and may go on.',
  z.object({
    id: z.string(),
    name: z.string(),
    bytes: count,
    receivedBytes: count,
    heardAtMs: moment.describe('When something of it came last.'),
  }),
);
export type TraceUpload = Frozen<z.infer<typeof traceUpload>>;

export const traceCheck = message(
  'TraceCheck',
  'Whether a stored file is still what came.',
  z.object({
    id: z.string(),
    name: z.string(),
    state: z
      .enum(['whole', 'damaged', 'gone', 'unknown'])
      .describe('`gone`: it was stored and is not there; `unknown`: its digest is lost.'),
  }),
);
export type TraceCheck = Frozen<z.infer<typeof traceCheck>>;

export const traceCollection = message(
  'TraceCollection',
  'What the workers are to bring, and where. Empty: what the settings of each machine say.',
  z.strictObject({
    id: z.string().min(1).max(64).describe('The trace id of all files.'),
    directory: z.string().max(4096),
    match: z.string().max(4096),
    compression: z.enum(['', 'zstd', 'bzip2', 'none']).default(''),
    remove: z.boolean(),
    url: z.string().max(4096).describe('Of the collector; empty: this server.'),
    account: z.string().min(1).max(255),
    secret: z.string().max(4096).describe('Goes to the workers and is kept nowhere.'),
    insecure: z.boolean(),
  }),
);
export type TraceCollection = Frozen<z.infer<typeof traceCollection>>;

export const traceCollectionView = message(
  'TraceCollectionView',
  'How far each worker is with it.',
  z.object({
    collection: count,
    id: z.string(),
    workers: z.array(
      z.object({
        worker: z.string(),
        name: z.string(),
        state: z.enum(['told', 'running', 'done', 'failed', 'lost']),
        stored: count,
        failed: count,
        bytes: count.describe('As they were sent.'),
        foundBytes: z.number().min(0).describe('Of all files, as they lie on the machine.'),
        doneBytes: z.number().min(0).describe('How far it is with these.'),
        message: reason,
      }),
    ),
  }),
);
export type TraceCollectionView = Frozen<z.infer<typeof traceCollectionView>>;
