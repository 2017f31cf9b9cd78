import * as z from 'zod';
import { CAUSES, type Digest, type JobId, TASK_STATE_NAMES, type TaskIndex } from '#model';

// A compiled check pays after thousands of calls; compiling that of a job takes 9 ms of every start.
z.config({ jitless: true });

/** Every message of the user API by its name; the OpenAPI document's components are printed from it. */
export const messages = z.registry<{ id: string }>();

/** Registers `schema` as the message `id`. One schema is the type, the check and the document. */
export function message<S extends z.ZodType>(id: string, description: string, schema: S): S {
  const described = schema.describe(description);
  messages.add(described, { id });
  return described;
}

/** What a message's type looks like to those who read it: nothing in it is theirs to change. */
export type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

export const jobId: z.ZodType<JobId> = z.int().min(1);
export const taskIndex: z.ZodType<TaskIndex> = z.int().min(0);
export const ticket = z.int().min(1);
export const digest: z.ZodType<Digest> = z.string().regex(/^[0-9a-f]{64}$/);
export const count = z.int().min(0);
/** Milliseconds since the epoch, UTC, on the server's clock. */
export const moment = z.int().min(0);
export const milliseconds = z.number().min(0);
/** A share; null when there is nothing to have a share of. */
export const fraction = z.number().min(0).max(1).nullable();
export const cause = z.enum(CAUSES);
export const taskState = z.enum(TASK_STATE_NAMES);
export const jobState = z.enum(['running', 'paused', 'done', 'failed', 'removed']);
/** One sentence for a person. */
export const reason = z.string().max(2000);
/** Who did it: `user`, `server`, `worker <name>`. */
export const actor = z.string().max(200);
export const taskCounts = z.record(taskState, count);
export const causeCounts = z.partialRecord(cause, count);
/** Column name → cell, of one row. */
export const parameters = z.record(z.string(), z.string());

/** Whole numbers in a path or a query arrive as text. */
export const textWhole = z.coerce.number().int().min(0);
export const textPositive = z.coerce.number().int().min(1);

/** Most items of one page of a list. */
export const PAGE_MOST = 1000;
export const pageQuery = {
  from: textWhole.optional().describe('Where this page begins: `next` of the page before.'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(PAGE_MOST)
    .optional()
    .describe('Most items to answer with; 100 if not given.'),
};
/** `from` of the next page, or null on the last one. */
export const next = count.nullable();
