import * as z from 'zod';
import { progress } from './jobs.ts';
import { serverState, workerState } from './machines.ts';
import {
  actor,
  cause,
  count,
  type Frozen,
  jobId,
  jobState,
  message,
  moment,
  reason,
  taskCounts,
  taskIndex,
  taskState,
  ticket,
} from './message.ts';

const always = { id: z.int().min(0), atMs: moment };

/**
 * What happens, for `GET /v1/events`. `progress` comes at most twice a second for a job and
 * stands for all ends since the last; `task` comes only for ends that were not ok, so that ten
 * million good ones are not ten million events.
 */
export const event = message(
  'Event',
  'Something that happened.',
  z.discriminatedUnion('kind', [
    z.object({
      ...always,
      kind: z.literal('job'),
      job: jobId,
      state: jobState,
      reason,
      actor,
      counts: taskCounts,
    }),
    z.object({
      ...always,
      kind: z.literal('progress'),
      job: jobId,
      counts: taskCounts,
      progress,
    }),
    z.object({
      ...always,
      kind: z.literal('task'),
      job: jobId,
      task: taskIndex,
      ticket: ticket.nullable(),
      state: taskState,
      cause: cause.nullable(),
      reason,
      actor,
    }),
    z.object({
      ...always,
      kind: z.literal('worker'),
      worker: z.string(),
      name: z.string(),
      state: workerState,
      reason,
    }),
    z.object({ ...always, kind: z.literal('server'), state: serverState, reason }),
    z.object({
      ...always,
      kind: z.literal('trap'),
      trap: z.string(),
      node: z.string(),
      fileSystem: z.string(),
      category: z.int().min(0).max(3),
      message: z.string(),
      condition: z.string(),
      isOver: z.boolean(),
    }),
    z
      .object({
        ...always,
        kind: z.literal('data'),
        key: z.string(),
        reason,
        worker: z.string().describe("On whose machine; empty: the server's own."),
      })
      .describe('A stored file was found damaged and set aside.'),
    z.object({
      ...always,
      kind: z.literal('trace'),
      trace: z.string(),
      name: z.string(),
      bytes: count,
    }),
  ]),
);
export type ApiEvent = Frozen<z.infer<typeof event>>;

const EVENT_KINDS = Object.keys({
  job: true,
  progress: true,
  task: true,
  worker: true,
  server: true,
  trap: true,
  data: true,
  trace: true,
} satisfies Record<ApiEvent['kind'], true>);
const oneKind = `(?:${EVENT_KINDS.join('|')})`;

/** Which events somebody wants to hear of, as it stands in a query: `job,task`. */
export const eventKinds = z
  .string()
  .regex(new RegExp(`^${oneKind}(?:,${oneKind})*$`), `of ${EVENT_KINDS.join(', ')}, between commas`)
  .describe('Kinds of events between commas; without it all are told.');
