import * as z from 'zod';
import {
  type Axis,
  type Collection,
  type Command,
  EVENT_LOG_FORMATS,
  GROWING_CAUSES,
  type Input,
  type Isolation,
  type JobSpec,
  LEVEL_NAMES,
  LIMIT_NAME,
  MATCHING_LIMITS,
  MOST_GROWTH_STEPS,
  NETWORKS,
  POLICY_LIMITS,
  POLICY_NAMES,
  type ResultSource,
  type UserCode,
  WALLS,
} from '#model';
import { cause, count, digest, message } from './message.ts';

const name = z.string().min(1).max(200);
const path = z.string().min(1).max(4096);
const cell = z.string().max(1 << 20);
const template = z.string().max(1 << 20);

const url = z.string().min(1).max(8192);
const md5 = z.string().regex(/^[0-9a-f]{32}$/);
const fileName = z
  .string()
  .max(255)
  .regex(/^(?!\.{1,2}$)[^/\x00-\x1f]+$/);
const orEmpty = (text: z.ZodType<string>) => z.union([z.literal(''), text]);

const command: z.ZodType<Command> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('shell'), template: template.min(1) }),
  z.strictObject({ kind: z.literal('argv'), template: z.array(template).min(1).max(10_000) }),
]);

const axis: z.ZodType<Axis> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file'), table: name }),
  z.strictObject({
    kind: z.literal('range'),
    column: name,
    from: z.string().max(100),
    to: z.string().max(100),
    step: z.string().max(100),
  }),
  z.strictObject({
    kind: z.literal('values'),
    columns: z.array(name).min(1).max(4096),
    rows: z.array(z.array(cell)).min(1),
  }),
]);

const input: z.ZodType<Input> = z.strictObject({
  name: path,
  from: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('template'), blob: digest, bytes: count }),
    z.strictObject({
      kind: z.literal('file'),
      blob: digest,
      bytes: count,
      writable: z.boolean().describe('Each attempt has a copy of its own to change.'),
      executable: z.boolean().default(false).describe('It may be executed.'),
    }),
    z.strictObject({ kind: z.literal('parameter'), column: name }),
    z.strictObject({
      kind: z.literal('url'),
      url,
      sha256: orEmpty(digest),
      md5: orEmpty(md5),
      mode: z.enum(['immutable', 'pin']).describe('pin: the origin is asked when the job begins.'),
      from: z.enum(['server', 'origin']).describe('Where workers get it first.'),
      writable: z.boolean(),
      version: z
        .strictObject({
          blob: digest,
          bytes: count,
          source: z.string().describe('Where the server got them; empty: they lay there.'),
        })
        .nullable()
        .describe('The bytes that all tasks see; null until the server has them.'),
    }),
    z.strictObject({
      kind: z.literal('plugin'),
      url,
      sha256: orEmpty(digest),
      md5: orEmpty(md5),
      plugin: z.strictObject({ name: fileName, blob: digest, bytes: count }),
    }),
    z.strictObject({
      kind: z.literal('files'),
      column: z.string().max(200),
      files: z.record(
        cell,
        z
          .array(
            z.strictObject({ name: path, blob: digest, bytes: count, executable: z.boolean() }),
          )
          .max(10_000),
      ),
    }),
  ]),
});

const resultSource: z.ZodType<ResultSource> = z.strictObject({
  name,
  from: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('stdout') }),
    z.strictObject({ kind: z.literal('stderr') }),
    z.strictObject({ kind: z.literal('file'), path }),
    z.strictObject({ kind: z.literal('glob'), pattern: path }),
    z.strictObject({ kind: z.literal('tree'), path }),
    z.strictObject({ kind: z.literal('changed') }),
  ]),
  required: z.boolean(),
});

const userCode: z.ZodType<UserCode> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['module', 'executable']), path, sha256: digest }),
  z.strictObject({ kind: z.literal('expression'), text: z.string().max(100_000) }),
]);

const collection: z.ZodType<Collection> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('concat') }),
  z.strictObject({ kind: z.literal('blockwise') }),
  z.strictObject({
    kind: z.literal('table'),
    formats: z.array(z.enum(['csv', 'sqlite', 'parquet'])).min(1),
  }),
  z.strictObject({ kind: z.literal('module'), code: userCode }),
  z.strictObject({ kind: z.literal('none') }),
]);

const walls = z.array(z.enum(WALLS)).max(WALLS.length);
const isolation: z.ZodType<Isolation> = z.strictObject({
  walls: z
    .union([z.enum(LEVEL_NAMES), walls])
    .nullable()
    .describe('Put up as far as the machine can; null: what the machine does by itself.'),
  require: walls.describe('Without these it does not run.'),
  network: z.enum(NETWORKS).nullable(),
  root: z.string().max(200).describe('Name of a root of the machine, or empty.'),
  write: z.array(path.regex(/^\//)).max(100).describe('Shared file systems to write to.'),
});

const expression = z.string().max(MATCHING_LIMITS.expressionCharacters);
const label = z.string().max(200);

const matching = {
  requirements: expression.describe(
    'True of machines (`TARGET`) that it may run on; empty: of all.',
  ),
  rank: expression.describe('Machines with a larger value are taken first.'),
  attributes: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/), expression.min(1))
    .refine((own) => Object.keys(own).length <= MATCHING_LIMITS.attributes)
    .describe('Attributes of its own in its ad, each an expression.'),
  concurrencyLimits: z
    .record(z.string().regex(LIMIT_NAME).max(200), z.number().positive().max(1e9))
    .refine((limits) => Object.keys(limits).length <= MATCHING_LIMITS.concurrencyLimits)
    .describe("How much of the server's limits one attempt takes."),
  owner: label,
  accountingGroup: label,
};

const dealings = {
  place: z
    .strictObject({
      files: z
        .array(
          z.strictObject({ result: name, from: z.string().max(4096), to: path.regex(/^[/$]/) }),
        )
        .max(1000),
    })
    .nullable()
    .describe("Where a client puts each task's results: templates of absolute paths."),
  chirp: z
    .strictObject({ io: z.boolean(), delayed: z.boolean() })
    .describe('What the programs may ask of the worker while they run.'),
  machineValues: z
    .array(z.string().max(8192))
    .max(100)
    .describe(
      'Values of the machine behind the cells of a row: `Memory`, `Memory:1024`, `[MY.a * TARGET.b]`.',
    ),
};

const policyRule = z.strictObject({ when: expression, reason: expression, subcode: expression });
const growth = z.union([
  z.strictObject({
    factor: z.number().gt(1).max(1000),
    most: count.describe('Bytes, or milliseconds of `timeout`; 0: no limit.'),
  }),
  z.strictObject({
    steps: z
      .array(count.min(1))
      .min(1)
      .max(MOST_GROWTH_STEPS)
      .describe('The next attempt gets the smallest of these that is more than it had.'),
  }),
]);
const life = {
  policy: z
    .strictObject({
      rules: z.partialRecord(z.enum(POLICY_NAMES), policyRule),
      maxRetries: count.max(POLICY_LIMITS.retries).nullable(),
      successExitCode: z
        .int()
        .min(-(2 ** 31))
        .max(2 ** 31)
        .nullable(),
      retryUntil: expression,
      allowedJobMs: count,
      allowedExecuteMs: count,
    })
    .describe('Expressions over the ad of a task; empty ones are not there.'),
  growth: z
    .partialRecord(z.enum(GROWING_CAUSES), growth)
    .describe('How much more a task gets of what it ran out of.'),
  eventLog: z
    .strictObject({
      path: z.string().max(4096),
      format: z.enum(EVENT_LOG_FORMATS),
      perTask: z
        .boolean()
        .default(false)
        .describe('The path is a template of the row: there is a file for each task.'),
    })
    .nullable()
    .describe('A file on the server that tells the life of each task.'),
};

/** The check of `JobSpec`; its meaning is documented with the type in the model. */
export const jobSpec: z.ZodType<JobSpec> = message(
  'JobSpec',
  'A job, complete: no paths to read, no unit as text, nothing optional.',
  z.strictObject({
    name,
    command,
    axes: z.array(axis).max(100),
    inputs: z.array(input).max(10_000),
    results: z.array(resultSource).min(1).max(1000),
    programName: z.string().max(255).describe('File name of the shipped program, or empty.'),
    programs: z
      .array(
        z.strictObject({
          platform: name,
          sha256: digest,
          md5,
          bytes: count,
        }),
      )
      .max(100),
    references: z.array(z.strictObject({ path, sha256: digest })).max(10_000),
    environment: z.record(z.string().min(1).max(1000), z.string().max(128 << 10)),
    directory: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('scratch') }),
      z.strictObject({ kind: z.literal('submit'), path }),
    ]),
    retries: count,
    retryByCause: z.partialRecord(cause, count),
    timeoutMs: count.describe('0: none.'),
    killGraceMs: count,
    idempotent: z.boolean(),
    request: z.strictObject({
      cpus: z.number().positive().max(100_000),
      memoryBytes: count.describe('0: no limit.'),
      diskBytes: count.describe('0: no limit.'),
      processes: count.describe("Processes and threads at once; 0: the machine's own limit."),
      gpus: count.describe('Whole devices.'),
      timeMs: count.describe('How long an attempt takes at most; 0: not said.'),
    }),
    isolation,
    validate: userCode.nullable(),
    validateTimeoutMs: count,
    collect: collection,
    order: z.enum(['table', 'completion']),
    keep: z.enum(['packed', 'files']),
    output: z.string().max(4096).describe('Absolute directory on the server, or empty.'),
    logBytes: count,
    resultBytes: count,
    deleteWorker: z.boolean(),
    deleteClient: z.boolean(),
    priority: z.int(),
    ...matching,
    ...dealings,
    ...life,
  }),
);
