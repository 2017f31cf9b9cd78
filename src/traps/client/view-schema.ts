/** What a collector says of itself to those who watch, checked: it may be another program, or hostile. */
import { z } from 'zod';
import type { Silence, TrapRecord } from '#model';

const name = z.string().max(1000);
const text = z.string().max(100_000);
const moment = z.number();
const category = z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]);

export const trapRecord = z.object({
  id: z.string().min(1).max(64),
  node: name,
  fileSystem: name,
  category,
  message: text,
  kind: z.enum(['raise', 'clear', 'event']),
  condition: name,
  source: name,
  atMs: moment,
  mark: z.number(),
  receivedAtMs: moment,
  count: z.number(),
  lastAtMs: moment,
  weight: category,
  over: z.object({ by: z.enum(['clear', 'newer']), atMs: moment }).nullable(),
  acknowledged: z.object({ by: name, comment: name, atMs: moment }).nullable(),
  silence: name.nullable(),
}) satisfies z.ZodType<TrapRecord>;

const silence = z.object({
  id: name,
  node: name,
  fileSystem: name,
  message: name,
  categoryMost: category,
  endsAtMs: moment,
  by: name,
  reason: name,
  createdAtMs: moment,
}) satisfies z.ZodType<Silence>;

export const collectorView = z.object({
  name,
  version: name,
  life: z.string().min(1).max(100),
  revision: z.number(),
  nowMs: moment,
  nodes: z.number(),
  fileSystems: z.number(),
  counters: z.record(z.string(), z.number()),
  traps: z.array(trapRecord).max(100_000),
  silences: z.array(silence).max(10_000),
});
export type CollectorView = z.infer<typeof collectorView>;

export const unchangedView = z.object({ life: z.string(), unchanged: z.literal(true) });
export const history = z.object({ traps: z.array(trapRecord).max(10_000) });
export const acknowledged = z.object({ trap: trapRecord });
export const silenced = z.object({ silence });
export const taken = z.object({
  received: z.number(),
  stored: z.number(),
  duplicate: z.number(),
  suppressed: z.number(),
  dropped: z.number(),
  malformed: z.number(),
  problems: z.array(z.string()).max(100),
});
export type Taken = z.infer<typeof taken>;
