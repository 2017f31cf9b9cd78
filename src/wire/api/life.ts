import * as z from 'zod';
import { TASK_CHANGE_KINDS } from '#model';
import {
  actor,
  count,
  type Frozen,
  jobId,
  message,
  milliseconds,
  moment,
  reason,
  taskIndex,
} from './message.ts';
import { attemptView } from './tasks.ts';

const run = z.object({ first: taskIndex, count });

/** What happened to tasks, in the order in which it did. */
export const lifeEntry = message(
  'LifeEntry',
  'A change of tasks, or the end of an attempt.',
  z.object({
    sequence: count.describe('Its place in the order; asks for what comes after it.'),
    atMs: moment,
    job: jobId,
    kind: z.enum([...TASK_CHANGE_KINDS, 'ended']),
    tasks: z.array(run).describe('Neighbouring tasks: the first and how many.'),
    actor,
    reason,
    hold: z
      .object({ code: count, subcode: z.int() })
      .nullable()
      .describe('Of `held`, as HTCondor numbers them.'),
    host: z.string().describe('Of `submitted` and `started`: where.'),
    attempt: attemptView.nullable().describe('Of `ended`.'),
    request: z
      .object({ cpus: z.number(), memoryBytes: count, diskBytes: count })
      .nullable()
      .describe('Of `ended`: what the attempt asked for.'),
    total: z
      .object({ cpuUserMs: milliseconds, cpuSystemMs: milliseconds })
      .nullable()
      .describe('Of `ended`: of all attempts of the task so far.'),
  }),
);
export type LifeEntry = Frozen<z.infer<typeof lifeEntry>>;
