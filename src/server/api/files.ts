/** Uploads of tables and blobs; results, logs and collected outputs on their way to the user. */
import { createReadStream, type Dirent, type Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemCodeOf } from '#base';
import { type AttemptRecord, TaskState } from '#model';
import { type StoredPart, type StoredRecord, searchLogs } from '#results';
import {
  type ApiHandlers,
  INLINE_RESULT_BYTES,
  type LogLine,
  type OutputList,
  type ResultItem,
} from '#wire';
import { type DoneRow, Records } from '../collecting.ts';
import type { Job } from '../core.ts';
import { serverErrors } from '../errors.ts';
import { dataWatch } from './data-metrics.ts';
import { metricsText } from './metrics.ts';
import { type ApiParts, jobOf, requireTask } from './parts.ts';
import { allUnchecked, uncheckedOf } from './unchecked.ts';

const LOG_LINES = 100_000;
const ATTEMPTS_PAGE = 1000;

type FileHandlers = Pick<
  ApiHandlers,
  | 'putTable'
  | 'putBlob'
  | 'hasBlob'
  | 'findMissingBlobs'
  | 'readLogs'
  | 'listResults'
  | 'readResult'
  | 'collectJob'
  | 'listOutput'
  | 'readOutput'
  | 'metrics'
>;

export function fileHandlers(parts: ApiParts): FileHandlers {
  const { core, tables, blobs, collecting, datastore } = parts;
  const dataFigures = dataWatch(datastore, core.clock);
  return {
    async putTable({ query, body }) {
      const { id, rows, columns, bytes } = await tables.receive(body, query.format, query.file);
      return { table: id, rows, columns: [...columns], bytes, warnings: [] };
    },

    async putBlob({ params, body }) {
      return blobs.receive(params.sha256, body);
    },

    async findMissingBlobs({ body }) {
      return { sha256: blobs.missing(body.sha256) };
    },

    async hasBlob({ params }) {
      const { sha256 } = params;
      if (!blobs.claim(sha256)) throw serverErrors.create('BLOB_NOT_FOUND', { sha256 });
      return undefined;
    },

    async readLogs({ params, query }) {
      const job = jobOf(core, params.job);
      if (query.task !== undefined) requireTask(job, query.task);
      return readLogs(parts, job, query);
    },

    async listResults({ params, query }) {
      const job = jobOf(core, params.job);
      if (query.task !== undefined) requireTask(job, query.task);
      if (query.name !== undefined) requireResult(job, query.name);
      return listResults(parts, job, query);
    },

    async readResult({ params, query }) {
      const job = jobOf(core, params.job);
      requireTask(job, params.task);
      return readResult(parts, job, params.task, params.name, query.file);
    },

    async collectJob({ params }) {
      const job = jobOf(core, params.job);
      await collecting.collect(job);
      return outputOf(parts, job);
    },

    async listOutput({ params }) {
      return outputOf(parts, jobOf(core, params.job));
    },

    async readOutput({ params, query }) {
      const job = jobOf(core, params.job);
      const { path, bytes } = await outputPath(parts, job, query.file);
      return { stream: createReadStream(path), bytes };
    },

    async metrics() {
      // A store that cannot be looked at leaves out its own figures only.
      const data = await dataFigures().catch(() => null);
      const text = Buffer.from(metricsText(core, parts.startedAtMs, data));
      return { stream: Readable.from([text]), bytes: text.length };
    },
  };
}

interface Numbered {
  readonly record: StoredRecord;
  readonly number: number;
}

/**
 * Records of ended attempts: of one task, or of all in the order in which they ended; behind them
 * those without a verdict.
 */
async function* recordsOf(
  parts: ApiParts,
  job: Job,
  task: number | undefined,
  records: Records,
): AsyncGenerator<Numbered> {
  await parts.core.commit.readable();
  const read = ({ task, ticket, place, number, reusedFrom }: AttemptRecord): Numbered => ({
    record: records.read({ task, ticket, place, home: reusedFrom ?? job.id }),
    number,
  });
  if (task !== undefined) {
    for (const attempt of await parts.store.attemptsOfTask(job.id, task)) yield read(attempt);
    const unchecked = await uncheckedOf(parts.store, job, task);
    if (unchecked) yield read(unchecked);
    return;
  }
  for (let after = 0; ; ) {
    const page = await parts.store.attemptsAfter(job.id, after, ATTEMPTS_PAGE);
    for (const attempt of page) yield read(attempt);
    if (page.length < ATTEMPTS_PAGE) break;
    // Reading is synchronous; leases are renewed in between.
    await nextTurn();
    after = page.at(-1)!.sequence;
  }
  for await (const unchecked of allUnchecked(parts.store, job)) yield read(unchecked);
}

interface LogQuery {
  readonly task?: number | undefined;
  readonly stream?: 'stdout' | 'stderr' | undefined;
  readonly grep?: string | undefined;
  readonly limit?: number | undefined;
}

async function* readLogs(parts: ApiParts, job: Job, query: LogQuery): AsyncGenerator<LogLine> {
  const records = new Records(parts.core);
  const numbers = new Map<number, number>();
  const remembered = async function* (): AsyncGenerator<StoredRecord> {
    for await (const { record, number } of recordsOf(parts, job, query.task, records)) {
      numbers.clear();
      numbers.set(record.ticket, number);
      yield record;
    }
  };
  const limit = query.limit ?? LOG_LINES;
  const search = {
    pattern: query.grep ?? '',
    ignoreCase: false,
    limit: query.stream === undefined ? limit : Number.MAX_SAFE_INTEGER,
    sources: job.spec.results,
  };
  let left = limit;
  try {
    for await (const match of searchLogs(remembered(), search)) {
      if (query.stream !== undefined && match.stream !== query.stream) continue;
      if (left-- <= 0) return;
      const { task, ticket, stream, lineNumber: line, line: text } = match;
      yield { task, ticket, number: numbers.get(ticket) ?? 1, stream, line, text };
    }
  } finally {
    records.close();
  }
}

function requireResult(job: Job, name: string): void {
  const names = job.spec.results.map((result) => result.name);
  if (names.includes(name)) return;
  const known = names.join(', ') || 'none';
  throw serverErrors.create('RESULT_NAME_UNKNOWN', { job: job.id, name, known });
}

interface ResultQuery {
  readonly name?: string | undefined;
  readonly task?: number | undefined;
  readonly content?: 'yes' | 'no' | undefined;
}

async function* listResults(
  parts: ApiParts,
  job: Job,
  query: ResultQuery,
): AsyncGenerator<ResultItem> {
  const records = new Records(parts.core);
  try {
    const rows =
      query.task === undefined
        ? parts.collecting.doneRows(job, 'table')
        : rowOfTask(parts, job, query.task);
    for await (const row of rows) {
      for (const part of records.read(row).parts) {
        if (part.kind !== 'result' || (query.name !== undefined && part.name !== query.name))
          continue;
        yield itemOf(row, part, query.content !== 'no');
      }
    }
  } finally {
    records.close();
  }
}

/** The results of a task: those that were accepted, or those that wait for a verdict. */
async function* rowOfTask(parts: ApiParts, job: Job, task: number): AsyncGenerator<DoneRow> {
  await parts.core.commit.readable();
  const isDone = job.tasks.state(task) === TaskState.done;
  const attempts = isDone ? await parts.store.attemptsOfTask(job.id, task) : [];
  const unchecked = await uncheckedOf(parts.store, job, task);
  const wanted = unchecked ? [unchecked] : attempts.filter(({ accepted }) => accepted);
  const cells = job.rows.row(task);
  for (const { ticket, place, reusedFrom } of wanted) {
    yield { task, ticket, place, cells, home: reusedFrom ?? job.id };
  }
}

function itemOf(row: DoneRow, part: StoredPart, withContent: boolean): ResultItem {
  const { task, ticket } = row;
  const { name, file, bytes } = part;
  const item = { task, ticket, name, file, bytes, text: null, base64: null };
  if (!withContent || bytes > INLINE_RESULT_BYTES) return item;
  const content = part.read(INLINE_RESULT_BYTES);
  const text = content.toString('utf8');
  const isText = Buffer.from(text).equals(content);
  return isText ? { ...item, text } : { ...item, base64: content.toString('base64') };
}

async function readResult(
  parts: ApiParts,
  job: Job,
  task: number,
  name: string,
  file: string | undefined,
): Promise<{ stream: Readable; bytes: number }> {
  const records = new Records(parts.core);
  for await (const row of rowOfTask(parts, job, task)) {
    const found = records
      .read(row)
      .parts.find(
        (part) =>
          part.kind === 'result' &&
          part.name === name &&
          (file === undefined || part.file === file),
      );
    if (!found) continue;
    const stream = Readable.from(found.pieces(), { objectMode: false });
    stream.once('close', () => records.close());
    return { stream, bytes: found.bytes };
  }
  records.close();
  throw serverErrors.create('RESULT_UNKNOWN', { job: job.id, task, name });
}

/** Collected files, without what is Windrow's own. */
const outputDirectory = ({ layout }: ApiParts, job: Job): string =>
  job.spec.output || layout.output(job.id);

async function outputOf(parts: ApiParts, job: Job): Promise<OutputList> {
  const output = outputDirectory(parts, job);
  const done = job.tasks.count(TaskState.done);
  if (job.collectedAtMs === null) return { complete: false, tasks: done, files: [] };
  const files: { file: string; bytes: number; changedAtMs: number }[] = [];
  for (const entry of await entriesBelow(output)) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const file = relative(output, path).split(sep).join('/');
    if (isOwn(file) || file.startsWith('quarantine/')) continue;
    const { size, mtimeMs } = await stat(path);
    files.push({ file, bytes: size, changedAtMs: Math.round(mtimeMs) });
  }
  files.sort((a, b) => (a.file < b.file ? -1 : 1));
  const complete = job.tasks.open === 0 && job.collectedAtMs >= job.stateAtMs;
  return { complete, tasks: done, files };
}

/** None where somebody has removed the directory. */
async function entriesBelow(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { recursive: true, withFileTypes: true });
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The state directory, with its secrets, and files that are being written. */
const isOwn = (file: string): boolean => file.startsWith('.');

/** A file below the output, however it is named: links and `..` lead nowhere else. */
async function outputPath(
  parts: ApiParts,
  job: Job,
  file: string,
): Promise<{ path: string; bytes: number }> {
  const unknown = serverErrors.create('OUTPUT_FILE_UNKNOWN', { job: job.id, file });
  const output = outputDirectory(parts, job);
  if (file.includes('\0')) throw unknown;
  try {
    const root = await realpath(output);
    const path = await realpath(join(root, file));
    const found: Stats = await stat(path);
    const isBelow = path.startsWith(root + sep);
    if (!isBelow || isOwn(relative(root, path)) || !found.isFile()) throw unknown;
    return { path, bytes: found.size };
  } catch {
    throw unknown;
  }
}
