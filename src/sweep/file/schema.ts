import * as z from 'zod';
import { parseBytes, parseDurationMs } from '#base';
import { LEVEL_NAMES, NETWORKS, WALLS } from '#model';
import { TABLE_FORMATS } from '../table/format.ts';
import { eventLog, eventLogFormat, policy, retry } from './life-schema.ts';
import { accountingGroup, attributes, concurrencyLimits, expression } from './matching-schema.ts';

// A compiled check takes longer to compile than to do its only work.
z.config({ jitless: true });

// The message of each check says what was expected; the reader of issues adds what was found.

const text = (expected: string) => z.string({ error: expected });
const filled = (expected: string) => text(expected).min(1, { error: expected });
const flag = z.boolean({ error: 'true or false' });

const COUNT = 'a whole number from 0 to 1000000';
const count = z.int({ error: COUNT }).min(0, { error: COUNT }).max(1_000_000, { error: COUNT });

const DURATION = 'a duration with its unit, e.g. "10 min"';
const duration = measured(DURATION, parseDurationMs);

const TIMEOUT = 'a duration with its unit, e.g. "10 min", or "none"';
const timeout = measured(TIMEOUT, (value) => (value === 'none' ? 0 : parseDurationMs(value)));

const size = measured('a size with its unit, e.g. "512 MB"', parseBytes);

function measured(expected: string, parse: (text: string) => number | undefined) {
  return text(expected).transform((value, context) => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

const SCALAR = 'a text, number or true/false';
const scalar = z
  .union([z.string(), z.number(), z.bigint(), z.boolean()], { error: SCALAR })
  .transform(String);

const format = z.enum(TABLE_FORMATS, { error: `one of ${TABLE_FORMATS.join(', ')}` });

const RANGE = '"FROM..TO", "FROM..TO..STEP" or { from, to, step }';
const range = z.union(
  [z.string(), z.strictObject({ from: scalar, to: scalar, step: scalar.optional() })],
  { error: RANGE },
);

const FILES = 'the path of a table, or a list of paths';
const files = z.union([z.string(), z.array(z.string()).min(1, { error: FILES })], {
  error: FILES,
});

const PARAMETERS = 'the path of a table, or [parameters.set] and [parameters.range]';
const parameterTables = z.strictObject(
  {
    file: files.optional(),
    format: format.optional(),
    lines: text('the path of a file whose lines are the rows').optional(),
    set: z
      .record(
        z.string(),
        z.array(scalar, { error: 'a list of values, e.g. [1, 2, 3]' }).min(1, {
          error: 'at least one value',
        }),
        { error: 'a table of lists' },
      )
      .optional(),
    range: z.record(z.string(), range, { error: 'a table of ranges' }).optional(),
  },
  { error: PARAMETERS },
);

/** `parameters = "grid.csv"` is short for `[parameters]` with `file = "grid.csv"`. */
function asTables(value: unknown): unknown {
  return typeof value === 'string' || Array.isArray(value) ? { file: value } : value;
}

const SHA256 = 'a SHA-256 as 64 hex digits';
const MD5 = 'an MD5 as 32 hex digits';
/** What may be said of a file that is shared by all attempts. */
const shared = {
  sha256: hex(64, SHA256).optional(),
  md5: hex(32, MD5).optional(),
  writable: flag.optional(),
};
const remote = z.strictObject({
  url: filled('a URL'),
  ...shared,
  mode: z.enum(['immutable', 'pin'], { error: '"immutable" or "pin"' }).optional(),
  from: z.enum(['server', 'origin'], { error: '"server" or "origin"' }).optional(),
});
const local = z.strictObject({ file: z.string(), ...shared });

function hex(digits: number, expected: string) {
  const pattern = new RegExp(`^[0-9a-fA-F]{${digits}}$`);
  return text(expected)
    .regex(pattern, { error: expected })
    .transform((one) => one.toLowerCase());
}

const INPUT =
  'a URL, { url = "…" }, { file = "…" }, { data = "…" }, { template = "…" } or { parameter = "…" }';
const input = z.union(
  [
    filled(INPUT),
    z.strictObject({ template: z.string() }),
    z.strictObject({ parameter: z.string() }),
    local,
    remote,
    z.strictObject({ data: z.string(), writable: flag.optional() }),
  ],
  { error: INPUT },
);

const DATA = 'a URL, { url = "…" } or { file = "…" }';
const data = z.union([filled(DATA), local, remote], { error: DATA });

const RESULT =
  '"stdout", "stderr", a path, a glob, or { from = "…" } or { glob = "…" } with required';
const result = z.union(
  [
    filled(RESULT),
    z.strictObject({ from: filled(RESULT), required: z.boolean().optional() }),
    z.strictObject({ glob: filled(RESULT), required: z.boolean().optional() }),
  ],
  { error: RESULT },
);

const TABLE_RESULT_FORMATS = ['csv', 'sqlite', 'parquet'] as const;
const TABLE_RESULT = '"csv", "sqlite" or "parquet"';
const COLLECT =
  '"concat", "blockwise", "table", "none", "./module.ts" or { formats = ["csv", "sqlite", "parquet"] }';
const collect = z.union(
  [
    z.enum(['concat', 'blockwise', 'table', 'none']),
    z.string().regex(/[./]/, { error: COLLECT }),
    z.strictObject({
      formats: z
        .array(z.enum(TABLE_RESULT_FORMATS, { error: TABLE_RESULT }))
        .min(1, { error: COLLECT }),
    }),
  ],
  { error: COLLECT },
);

const VALIDATE = 'the path of a module or executable, or { expression = "…" }';
const validate = z.union([filled(VALIDATE), z.strictObject({ expression: filled(VALIDATE) })], {
  error: VALIDATE,
});

const CPUS = 'a number above 0, at most 4096';
function wholeTo(most: number) {
  const error = `a whole number from 0 to ${most}`;
  return z.number({ error }).int({ error }).min(0, { error }).max(most, { error });
}

const request = z.strictObject(
  {
    cpus: z.number({ error: CPUS }).positive({ error: CPUS }).max(4096, { error: CPUS }).optional(),
    memory: size.optional(),
    disk: size.optional(),
    processes: wholeTo(1_000_000).optional(),
    gpus: wholeTo(1024).optional(),
    time: duration.optional(),
  },
  { error: 'a table [request]' },
);

const WALL_LIST = `a level (${LEVEL_NAMES.join(', ')}) or a list of walls (${WALLS.join(', ')})`;
const levelOrWalls = z.union([z.enum(LEVEL_NAMES), z.array(z.enum(WALLS))], { error: WALL_LIST });
const NETWORK = `one of ${NETWORKS.join(', ')}`;
const ABSOLUTE = 'a list of absolute paths';
const isolation = z.strictObject(
  {
    walls: levelOrWalls.optional(),
    require: levelOrWalls.optional(),
    network: z.enum(NETWORKS, { error: NETWORK }).optional(),
    root: filled('the name of a root').optional(),
    write: z.array(z.string().startsWith('/', { error: ABSOLUTE }), { error: ABSOLUTE }).optional(),
  },
  { error: 'a table [isolation]' },
);

const NODES = 'the path of a list of machines, or the list itself: one machine in each text';
const SLOTS = 'a whole number from 1 to 100000';
const cluster = z.strictObject(
  {
    nodes: z.union([filled(NODES), z.array(filled(NODES)).min(1, { error: NODES })], {
      error: NODES,
    }),
    'at-least': count.optional(),
    advertise: filled('HOST or HOST:PORT').optional(),
    slots: z
      .int({ error: SLOTS })
      .min(1, { error: SLOTS })
      .max(100_000, { error: SLOTS })
      .optional(),
    dir: filled('the path of a directory on the machines').optional(),
    walls: z.enum(LEVEL_NAMES, { error: `a level: ${LEVEL_NAMES.join(', ')}` }).optional(),
  },
  { error: 'a table [cluster]' },
);

const COMMAND = 'a text for the shell, or a list of words';
const PRIORITY = 'a number';

/** The sweep file, key by key; also what options of the command line are turned into. */
export const documentSchema = z.strictObject({
  name: text('a name')
    .min(1, { error: 'a name' })
    .max(200, { error: 'at most 200 characters' })
    .optional(),
  command: z.union([z.string(), z.array(z.string()).min(1, { error: COMMAND })], {
    error: COMMAND,
  }),
  parameters: z.preprocess(asTables, parameterTables.optional()),
  retries: count.optional(),
  retry: retry.optional(),
  policy,
  log: eventLog.optional(),
  'log-format': eventLogFormat.optional(),
  timeout: timeout.optional(),
  'kill-grace': duration.optional(),
  validate: validate.optional(),
  'validate-timeout': duration.optional(),
  collect: collect.optional(),
  order: z.enum(['table', 'completion'], { error: '"table" or "completion"' }).optional(),
  keep: z.enum(['packed', 'files'], { error: '"packed" or "files"' }).optional(),
  output: filled('the path of a directory').optional(),
  idempotent: flag.optional(),
  directory: z.enum(['scratch', 'submit'], { error: '"scratch" or "submit"' }).optional(),
  programs: z
    .record(z.string(), text('the path of a program'), { error: 'a table of platforms' })
    .optional(),
  inputs: z.record(z.string(), input, { error: 'a table of files' }).optional(),
  data: z.record(z.string(), data, { error: 'a table of files' }).optional(),
  'transfer-plugins': z
    .record(z.string(), text('the path of a plugin'), { error: 'a table of URL schemes' })
    .optional(),
  results: z.record(z.string(), result, { error: 'a table of results' }).optional(),
  request: request.optional(),
  isolation: isolation.optional(),
  cluster: cluster.optional(),
  environment: z.record(z.string(), scalar, { error: 'a table of variables' }).optional(),
  'delete-worker': flag.optional(),
  'delete-client': flag.optional(),
  'log-size': size.optional(),
  'result-size': size.optional(),
  priority: z.number({ error: PRIORITY }).optional(),
  chirp: z.enum(['none', 'delayed', 'io'], { error: '"none", "delayed" or "io"' }).optional(),
  requirements: expression.optional(),
  rank: expression.optional(),
  attributes: attributes.optional(),
  'concurrency-limits': concurrencyLimits.optional(),
  'accounting-group': accountingGroup.optional(),
});

export type SweepDocument = z.output<typeof documentSchema>;
