/** Acknowledgements and silences: what is asked for, checked, and done. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Silence, TrapCategory, TrapRecord } from '#model';
import { describeIssues } from '#wire';
import type { Collector } from '../collector/collector.ts';
import { SILENCES_MOST } from '../collector/silences.ts';
import { trapsErrors } from '../errors.ts';
import { NAME_MOST } from '../report.ts';

const name = z.string().max(NAME_MOST);
const comment = z.string().max(1000);
/** Whoever needs longer says so again: a silence that is forgotten hides what comes years later. */
export const SILENCE_MOST_MS = 366 * 86_400_000;
export const SILENCE_LEAST_MS = 1000;

const acknowledgement = z.strictObject({
  id: z.string().min(1).max(64),
  by: name.default(''),
  comment: comment.default(''),
  withdraw: z.boolean().default(false),
});

const silence = z.strictObject({
  // Of the sender, so that mirrored collectors have it under the same.
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{4,32}$/)
    .optional(),
  node: name.default(''),
  fileSystem: name.default(''),
  message: name.default(''),
  categoryMost: z.int().min(0).max(3).default(3),
  forMs: z.int().min(SILENCE_LEAST_MS).max(SILENCE_MOST_MS),
  by: name.default(''),
  reason: comment.default(''),
});

const ending = z.strictObject({ id: z.string().min(1).max(64) });

/** @throws WindrowError TRAP_UNKNOWN, TRAP_ID_AMBIGUOUS */
export function acknowledge(collector: Collector, json: unknown): object {
  const { id, by, comment: said, withdraw } = checked(acknowledgement, json);
  const trap = find(collector, id, withdraw);
  if (withdraw) collector.withdrawAcknowledgement(trap.id);
  else collector.acknowledge(trap.id, by, said);
  return { trap: collector.get(trap.id) };
}

/** By its id or the beginning of one, among those that hold and are (or are not) acknowledged. */
function find(collector: Collector, id: string, acknowledged: boolean): TrapRecord {
  const found = collector.all().filter((trap) => {
    const holds = trap.over === null && trap.kind !== 'clear';
    return holds && trap.id.startsWith(id) && (!acknowledged || trap.acknowledged !== null);
  });
  const exact = found.find((trap) => trap.id === id) ?? (found.length === 1 ? found[0] : undefined);
  if (exact) return exact;
  if (found.length === 0) throw trapsErrors.create('TRAP_UNKNOWN', { id });
  const ids = found.slice(0, 5).map((trap) => trap.id);
  throw trapsErrors.create('TRAP_ID_AMBIGUOUS', { id, found: ids.join(', ') });
}

/** @throws WindrowError SILENCES_FULL */
export function addSilence(collector: Collector, json: unknown, nowMs: number): object {
  const { id, forMs, categoryMost, ...parts } = checked(silence, json);
  if (parts.node === '' && parts.fileSystem === '' && parts.message === '') {
    const why = 'a silence needs a node, a file system or a message; `*` fits all';
    throw trapsErrors.create('TRAP_REQUEST_MALFORMED', { why });
  }
  if (collector.silences.isFull) throw trapsErrors.create('SILENCES_FULL', { most: SILENCES_MOST });
  const added: Silence = {
    ...parts,
    id: id ?? `s${randomBytes(4).toString('hex')}`,
    categoryMost: categoryMost as TrapCategory,
    endsAtMs: nowMs + forMs,
    createdAtMs: nowMs,
  };
  collector.silence(added);
  return { silence: added };
}

/** @throws WindrowError SILENCE_UNKNOWN */
export function endSilence(collector: Collector, json: unknown): object {
  const { id } = checked(ending, json);
  const ended = collector.silences.get(id);
  if (!ended || !collector.endSilence(id)) throw trapsErrors.create('SILENCE_UNKNOWN', { id });
  return { silence: ended };
}

function checked<T extends z.ZodType>(schema: T, json: unknown): z.output<T> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const why = describeIssues(parsed.error, 'body').slice(0, 5).join('; ');
  throw trapsErrors.create('TRAP_REQUEST_MALFORMED', { why });
}
