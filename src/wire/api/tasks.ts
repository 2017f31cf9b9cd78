import * as z from 'zod';
import { FIGURES, LEVEL_NAMES, NETWORKS, USAGE_SOURCES, WALLS } from '#model';
import { toldAd } from './ad-query.ts';
import {
  actor,
  cause,
  count,
  type Frozen,
  jobId,
  message,
  milliseconds,
  moment,
  next,
  parameters,
  reason,
  taskIndex,
  taskState,
  ticket,
} from './message.ts';

const holdView = z.object({
  code: count.describe('As HTCondor numbers them.'),
  subcode: z.int(),
  name: z.string().describe('What the code stands for.'),
});

export const taskSummary = message(
  'TaskSummary',
  'A task: its one state with reason, time and actor. A task never touched has time 0.',
  z.object({
    task: taskIndex,
    state: taskState,
    status: z.int().min(1).max(7).describe('The state as HTCondor numbers it.'),
    hold: holdView.nullable().describe('Why it is held, as numbers; null when it is not.'),
    holds: count.describe('How often it was held.'),
    reason,
    changedAtMs: moment,
    actor,
    attempts: count,
    parameters,
    ad: toldAd,
  }),
);
export type TaskSummary = Frozen<z.infer<typeof taskSummary>>;

export const taskPage = message(
  'TaskPage',
  'Tasks in table order.',
  z.object({ tasks: z.array(taskSummary), next }),
);
export type TaskPage = Frozen<z.infer<typeof taskPage>>;

export const networkBytes = z
  .record(z.string(), count)
  .nullable()
  .describe('Bytes by the comments of the rules that counted them; null where nobody counted.');

const usage = z.object({
  wallMs: milliseconds,
  cpuUserMs: milliseconds.nullable(),
  cpuSystemMs: milliseconds.nullable(),
  memoryPeakBytes: count.nullable(),
  ioReadBytes: count.nullable().describe('From disks.'),
  ioWriteBytes: count.nullable().describe('To disks.'),
  contextSwitches: count.nullable(),
  tasksPeak: count.nullable().describe('Most processes and threads at once.'),
  diskBytes: count.nullable().describe('Most space taken in the scratch directory.'),
  sources: z
    .partialRecord(z.enum(FIGURES), z.enum(USAGE_SOURCES))
    .describe('Where each figure comes from that was measured.'),
  network: networkBytes,
});

const wallsHad = z.object({
  wanted: z.union([z.enum(LEVEL_NAMES), z.array(z.enum(WALLS))]),
  had: z.array(z.enum(WALLS)),
  network: z.enum(NETWORKS),
  root: z.string().describe('Name of the root it ran in; empty: the machine’s own.'),
  account: z.string().describe('Who it ran as.'),
});

const inputWay = z.object({
  name: z.string(),
  how: z.enum(['hit', 'fetched', 'joined', 'plugin']),
  via: z.string().describe('Where its worker got it; empty: it lay there from earlier.'),
  source: z
    .string()
    .describe('Where the server got it, with the proxy; empty: it lay there, or did not pass it.'),
  into: z.enum(['reflink', 'link', 'mount', 'copy', 'file']).describe('Its directory.'),
  bytes: count,
});

export const attemptView = message(
  'Attempt',
  'One execution of a task. While it runs, cause, end and usage are null.',
  z.object({
    ticket,
    task: taskIndex,
    number: z.int().min(1).describe("1 for a task's first attempt."),
    worker: z.string().describe('Name for people.'),
    cause: cause.nullable(),
    exitCode: z.int().nullable(),
    signal: z.string().nullable(),
    reason,
    signature: z.string().describe('Cause and last line of stderr with numbers folded.'),
    startedAtMs: moment,
    endedAtMs: moment.nullable(),
    usage: usage.nullable(),
    walls: wallsHad.nullable().describe('Null while it runs, and when there were none.'),
    inputs: z
      .array(inputWay)
      .describe('How inputs came that are named by URL; none while it runs.'),
    asked: z
      .object({ memoryBytes: count, diskBytes: count, timeoutMs: count })
      .nullable()
      .describe('What it was given, where that is not what its job asks for.'),
    next: taskState
      .nullable()
      .describe('What became of the task by its end; null when the task went on without it.'),
    reusedFrom: jobId.nullable().describe('The job whose result was taken over.'),
  }),
);
export type AttemptView = Frozen<z.infer<typeof attemptView>>;

export const attemptPage = message(
  'AttemptPage',
  'Attempts by ticket, running and ended.',
  z.object({ attempts: z.array(attemptView), next }),
);
export type AttemptPage = Frozen<z.infer<typeof attemptPage>>;

export const taskDetail = message(
  'TaskDetail',
  'A task with all its attempts, and what it waits for.',
  taskSummary.extend({
    job: jobId,
    commandLine: z.string(),
    attemptList: z.array(attemptView),
    waiting: z.string().describe('Why it waits; empty when it does not.'),
  }),
);
export type TaskDetail = Frozen<z.infer<typeof taskDetail>>;

export const logLine = message(
  'LogLine',
  'One line of what a program printed.',
  z.object({
    task: taskIndex,
    ticket,
    number: z.int().min(1),
    stream: z.enum(['stdout', 'stderr']),
    line: z.int().min(1),
    text: z.string(),
  }),
);
export type LogLine = Frozen<z.infer<typeof logLine>>;

/** Results longer than this are named in a listing, and fetched by themselves. */
export const INLINE_RESULT_BYTES = 64 << 10;

export const resultItem = message(
  'ResultItem',
  'One named result of one done task. A long one comes without content: fetch it by itself.',
  z.object({
    task: taskIndex,
    ticket,
    name: z.string(),
    file: z.string().describe('Original file name, for results of globs.'),
    bytes: count,
    text: z.string().nullable(),
    base64: z.string().nullable().describe('When it is not UTF-8.'),
  }),
);
export type ResultItem = Frozen<z.infer<typeof resultItem>>;
