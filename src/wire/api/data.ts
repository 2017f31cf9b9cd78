import * as z from 'zod';
import { count, digest, type Frozen, message, moment, textWhole } from './message.ts';
import { problem } from './problem.ts';

/** As the datastore takes it: it refuses more by itself. */
const key = z.string().min(1).max(8192);
const pin = z.string().min(1).max(64).describe('Letters, digits, dots, dashes, underscores.');
const bytes = z.number().min(0);

/** Most entries of one page: a store may have a million. */
export const DATA_PAGE_MOST = 10_000;

export const dataKey = z.object({ key: key.describe('Key of the entry, usually a URL.') });

export const dataEntryQuery = dataKey.extend({
  md5: z
    .enum(['yes', 'no'])
    .optional()
    .describe('`yes`: its MD5 too, for which all of it may have to be read.'),
});

export const dataQuery = z.object({
  sort: z.enum(['key', 'bytes', 'lastAccess', 'stored']).optional().describe('`key` if not given.'),
  order: z.enum(['ascending', 'descending']).optional().describe('`ascending` if not given.'),
  containing: z.string().max(8192).optional().describe('Only keys that contain this.'),
  pinned: z.enum(['yes', 'no']).optional().describe('`yes`: only what is pinned.'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(DATA_PAGE_MOST)
    .optional()
    .describe('Most entries to answer with; 100 if not given.'),
  cursor: z
    .string()
    .max(100)
    .optional()
    .describe('`next` of the page before; what else was asked for then still holds.'),
});

export const dataPut = z.object({
  key: key.describe('What lay there is replaced.'),
  sha256: digest.optional().describe('What the bytes must have; else nothing is stored.'),
  bytes: textWhole.optional().describe('How many there must be.'),
  type: z.string().max(255).optional().describe('Their media type.'),
});

export const dataUnpin = z.object({
  pin,
  key: key.optional().describe('Without it, all that the pin keeps.'),
});

export const dataPage = message(
  'DataPage',
  'Entries of the datastore, as they were at one moment.',
  z.object({
    atMs: moment.describe('The moment: all pages of a list tell of the same one.'),
    matching: count,
    matchingBytes: bytes.describe('What several keys share is counted for each.'),
    entries: z.array(
      z.object({
        key: z.string(),
        hash: z.string().describe('Names its files.'),
        owner: z.string(),
        bytes,
        storedAtMs: moment,
        lastAccessMs: moment,
        pinned: z.boolean(),
      }),
    ),
    next: z.string().nullable().describe('Cursor of the page that follows; null on the last.'),
  }),
);
export type DataPage = Frozen<z.infer<typeof dataPage>>;

export const dataEntry = message(
  'DataEntry',
  'What is known of an entry.',
  z.object({
    key: z.string(),
    hash: z.string(),
    path: z.string().describe('Where its bytes lie on the machine of the server.'),
    owner: z.string(),
    bytes,
    sha256: digest,
    md5: z.string().nullable().describe('Null: it was not made yet.'),
    mediaType: z.string().nullable(),
    validators: z.object({
      etag: z.string().nullable(),
      lastModified: z.string().nullable(),
      date: z.string().nullable(),
    }),
    status: z.int().describe('HTTP status that the bytes came with, or 0.'),
    storedAtMs: moment,
    verifiedAtMs: moment,
    validatedAtMs: moment.describe('When the origin was asked last.'),
    source: z.string(),
    isPrivate: z.boolean().describe('Credentials were shown for it.'),
    pins: z.array(z.string()),
  }),
);
export type DataEntry = Frozen<z.infer<typeof dataEntry>>;

export const dataUsage = message(
  'DataUsage',
  'How much there is, and what the store has done since the server began.',
  z.object({
    directory: z.string(),
    entries: count,
    bytes: bytes.describe('What several keys share is counted once.'),
    pinned: count,
    freeBytes: bytes,
    limits: z.object({
      mostBytes: bytes.describe('0: no limit.'),
      mostFiles: count.describe('0: no limit.'),
      leastFreeBytes: bytes,
      high: z.number(),
      low: z.number(),
    }),
    counts: z.object({
      hits: count,
      misses: count,
      fetchedBytes: bytes,
      evicted: count,
      evictedBytes: bytes,
      damaged: count,
    }),
  }),
);
export type DataUsage = Frozen<z.infer<typeof dataUsage>>;

export const dataPin = message(
  'DataPin',
  'Which entry to keep, and in whose name.',
  z.strictObject({ key, pin }),
);

export const dataUnpinned = message(
  'DataUnpinned',
  'How many entries the pin kept.',
  z.object({ unpinned: count }),
);

export const dataPurge = message(
  'DataPurge',
  'What is to go besides what the limits ask for.',
  z.strictObject({
    unusedMs: z.number().min(0).optional().describe('What nobody has used for so long.'),
    toBytes: z.number().min(0).optional().describe('All but so much, what was used last.'),
  }),
);

export const dataPurged = message(
  'DataPurged',
  'What went. What is pinned or in use stays.',
  z.object({ removed: count, freedBytes: bytes, kept: count }),
);

export const dataVerify = message(
  'DataVerify',
  'What to read again.',
  z.strictObject({
    keys: z.array(key).max(10_000).optional().describe('Only these.'),
    share: z.number().min(0).max(1).optional().describe('Of all only this part, by chance.'),
  }),
);

/** Good ones are counted and not named: there may be a million. */
export const dataVerdict = message(
  'DataVerdict',
  'What was found on reading again; the last line has `kind` `end`.',
  z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('entry'),
      key: z.string(),
      verdict: z.enum(['corrupt', 'missing', 'changed']),
    }),
    z.object({ kind: z.literal('progress'), entries: count }),
    z.object({
      kind: z.literal('end'),
      good: count,
      corrupt: count,
      missing: count,
      bytes,
    }),
  ]),
);
export type DataVerdict = Frozen<z.infer<typeof dataVerdict>>;

export const dataFetch = message(
  'DataFetch',
  'What to fetch into the datastore, and how.',
  z.strictObject({
    keys: z.array(key).min(1).max(10_000).describe('URLs.'),
    mode: z.enum(['immutable', 'revalidate', 'pin']).default('immutable'),
    sha256: digest.optional().describe('What the bytes must have; for one URL.'),
    digestBeside: z.boolean().default(false).describe('It stands in URL.sha256.'),
    stale: z.boolean().default(false).describe('While the origin is away, a copy will do.'),
    pin: pin.optional(),
  }),
);
export type DataFetch = Frozen<z.infer<typeof dataFetch>>;

const way = z.object({
  how: z.enum(['hit', 'revalidated', 'fetched', 'joined', 'same', 'stale']),
  via: z.string(),
  source: z.string(),
  movedBytes: bytes,
  restarts: count,
  resumes: count,
  tries: count,
});

export const dataArrival = message(
  'DataArrival',
  'How fetching goes; each URL ends with `fetched` or `failed`.',
  z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('progress'),
      key: z.string(),
      bytes,
      totalBytes: bytes.nullable(),
    }),
    z.object({
      kind: z.literal('fetched'),
      key: z.string(),
      path: z.string().nullable().describe('Null: its origin forbids to keep it.'),
      bytes,
      sha256: digest,
      way,
    }),
    z.object({ kind: z.literal('failed'), key: z.string(), problem }),
  ]),
);
export type DataArrival = Frozen<z.infer<typeof dataArrival>>;
