import * as z from 'zod';
import { actor, count, type Frozen, jobId, message, moment, reason, taskIndex } from './message.ts';

const conjunct = z.object({
  text: z.string().describe('One part of the requirements; all must be true.'),
  trueSlots: count,
  falseSlots: count,
  undefinedSlots: count,
  errorSlots: count,
  aloneSlots: count.describe('Slots that would do if only this part were not there.'),
  part: z.string().nullable().describe('The sub-expression without a value, on `example`.'),
  example: z.string().nullable(),
});

const refusal = z.object({
  by: z.enum(['worker', 'resources', 'requirements', 'start']),
  reason: z.string(),
  workers: count,
  slots: count,
  names: z.array(z.string()).describe('The first few.'),
});

const matching = z.object({
  workers: count,
  slots: count,
  able: z.object({
    workers: count,
    slots: count,
    freeSlots: count,
    room: count.describe('Attempts that could begin now.'),
  }),
  conjuncts: z.array(conjunct),
  refusals: z.array(refusal).describe('Those of most slots first; at most a hundred.'),
  advice: z.array(z.string()).describe('What would have to change.'),
  unseen: count.describe('Workers that were not looked at, as it took too long.'),
});

const limit = z.object({
  name: z.string(),
  amount: z.number().describe('What one attempt takes.'),
  most: z.number().nullable().describe('Null: there is no such limit, so it holds nothing back.'),
  used: z.number(),
});

const share = z.object({
  owner: z.string(),
  cpus: z.number().min(0).describe('In use now.'),
  averageCpus: z.number().min(0).describe('In use on average, the past counting ever less.'),
  weight: z.number().min(0),
  waiting: count.describe('Tasks that could start now.'),
});

const failure = z.object({
  cause: z.string(),
  signature: z.string(),
  tasks: count,
  example: taskIndex,
  reason,
});

export const whyAnswer = message(
  'Why',
  'Why a job or a task is not running, from the same predicates that decide.',
  z.object({
    job: jobId,
    task: taskIndex.nullable().describe('Null: of the job as a whole.'),
    state: z.string(),
    reason,
    changedAtMs: moment,
    actor,
    hold: z
      .object({ code: count, subcode: z.int(), name: z.string() })
      .nullable()
      .describe('Why it is held, as HTCondor numbers it.'),
    waiting: count.describe('Tasks that wait.'),
    answers: z.array(z.string()).describe('In sentences, the most decisive first.'),
    todo: z.array(z.string()).describe('Commands that would help.'),
    matching: matching.nullable().describe('Null where nothing waits for a machine.'),
    limits: z.array(limit),
    shares: z.array(share).describe('Of owners whose tasks wait or run; who is next comes first.'),
    failures: z.array(failure),
  }),
);
export type WhyAnswer = Frozen<z.infer<typeof whyAnswer>>;
