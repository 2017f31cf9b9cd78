/**
 * Ends of attempts of which only some fields are read: a constraint names three of thirty, and to
 * make JavaScript values of the others is most of what reading a million of them costs.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Cause, JobId, TaskStateName } from '#model';
import type { Glimpse, GlimpseField } from '../contract.ts';

const COLUMNS: Readonly<Record<GlimpseField, string>> = {
  worker: 'worker',
  cause: 'cause',
  exitCode: 'exit_code',
  signal: 'signal',
  reason: 'reason',
  signature: 'signature',
  startedAtMs: 'started_at_ms',
  wallMs: 'wall_ms',
  cpuUserMs: 'cpu_user_ms',
  cpuSystemMs: 'cpu_system_ms',
  memoryPeakBytes: 'memory_peak_bytes',
  ioReadBytes: 'io_read_bytes',
  ioWriteBytes: 'io_write_bytes',
  contextSwitches: 'context_switches',
  tasksPeak: 'tasks_peak',
  diskBytes: 'disk_bytes',
  network: 'network',
};
/** Read of every attempt, in this order, before the fields that are asked for. */
const ALWAYS = 'sequence, job, task, number, next, ended_at_ms';
const FIRST_FIELD = 6;
/** Different questions kept prepared; each is some kilobytes. */
const MOST_PREPARED = 100;

interface Prepared {
  readonly statement: StatementSync;
  readonly read: (cells: readonly unknown[]) => Glimpse;
}

export class GlimpseReader {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  before(
    job: JobId | null,
    sequence: number,
    limit: number,
    fields: readonly GlimpseField[],
  ): Glimpse[] {
    const { statement, read } = this.#question(job !== null, fields);
    const rows =
      job === null ? statement.all(sequence, limit) : statement.all(sequence, job, limit);
    return (rows as unknown as (readonly unknown[])[]).map(read);
  }

  #question(isOfJob: boolean, fields: readonly GlimpseField[]): Prepared {
    const key = `${isOfJob} ${fields.join(' ')}`;
    const known = this.#prepared.get(key);
    if (known) return known;
    if (this.#prepared.size >= MOST_PREPARED) this.#prepared.clear();
    const columns = [ALWAYS, ...fields.map((field) => COLUMNS[field]), 'NULL'].join(', ');
    const where = isOfJob
      ? 'INDEXED BY attempt_by_job WHERE sequence < ? AND job = ?'
      : 'WHERE sequence < ?';
    const statement = this.#database.prepare(
      `SELECT ${columns} FROM attempt ${where} ORDER BY sequence DESC LIMIT ?`,
    );
    statement.setReturnArrays(true);
    const prepared = { statement, read: readerOf(fields) };
    this.#prepared.set(key, prepared);
    return prepared;
  }
}

const FIGURES: ReadonlySet<GlimpseField> = new Set([
  ...(['wallMs', 'cpuUserMs', 'cpuSystemMs', 'memoryPeakBytes', 'ioReadBytes'] as const),
  ...(['ioWriteBytes', 'contextSwitches', 'tasksPeak', 'diskBytes', 'network'] as const),
]);

/** Fields that were not asked for are taken from the last cell, which is always null. */
function readerOf(fields: readonly GlimpseField[]): Prepared['read'] {
  const nothing = FIRST_FIELD + fields.length;
  const placeOf = (field: GlimpseField): number => {
    const index = fields.indexOf(field);
    return index < 0 ? nothing : FIRST_FIELD + index;
  };
  const at = Object.fromEntries(
    (Object.keys(COLUMNS) as GlimpseField[]).map((field) => [field, placeOf(field)]),
  ) as Record<GlimpseField, number>;
  const isMeasured = fields.some((field) => FIGURES.has(field));
  return (cells) => ({
    sequence: cells[0] as number,
    job: cells[1] as number,
    task: cells[2] as number,
    number: cells[3] as number,
    next: cells[4] as TaskStateName | null,
    endedAtMs: cells[5] as number,
    worker: (cells[at.worker] as string | null) ?? '',
    cause: cells[at.cause] as Cause | null,
    exitCode: cells[at.exitCode] as number | null,
    signal: cells[at.signal] as string | null,
    reason: (cells[at.reason] as string | null) ?? '',
    signature: (cells[at.signature] as string | null) ?? '',
    startedAtMs: (cells[at.startedAtMs] as number | null) ?? 0,
    usage: isMeasured ? usageOf(cells, at) : null,
  });
}

function usageOf(
  cells: readonly unknown[],
  at: Readonly<Record<GlimpseField, number>>,
): Glimpse['usage'] {
  const network = cells[at.network] as string | null;
  return {
    wallMs: (cells[at.wallMs] as number | null) ?? 0,
    cpuUserMs: cells[at.cpuUserMs] as number | null,
    cpuSystemMs: cells[at.cpuSystemMs] as number | null,
    memoryPeakBytes: cells[at.memoryPeakBytes] as number | null,
    ioReadBytes: cells[at.ioReadBytes] as number | null,
    ioWriteBytes: cells[at.ioWriteBytes] as number | null,
    contextSwitches: cells[at.contextSwitches] as number | null,
    tasksPeak: cells[at.tasksPeak] as number | null,
    diskBytes: cells[at.diskBytes] as number | null,
    sources: '',
    network: network === null ? null : JSON.parse(network),
  };
}
