import type { RecordPlace, TaskIndex, Ticket } from '#model';
import { BlocksSink } from './blocks-sink.ts';
import { type CollectionPlan, checkCollection } from './collection-check.ts';
import { ConcatSink } from './concat-sink.ts';
import { FilesSink } from './files-sink.ts';
import { ModuleSink } from './module-sink.ts';
import { makeOutputDirectory, OutputFiles } from './partial-file.ts';
import type { UserCodePorts } from './port.ts';
import type { StoredRecord } from './segment-reader.ts';
import { TableSink } from './table-sink.ts';

/** Longest time that the event loop is kept from other work. */
const BUSY_MS = 10;
const ROWS_BETWEEN_LOOKS = 32;

/** One done task, in the order in which it is to be collected. */
export interface CollectRow {
  readonly task: TaskIndex;
  readonly ticket: Ticket;
  readonly cells: readonly string[];
  /** Null when the attempt left no parts at all. */
  readonly place: RecordPlace | null;
}

export interface CollectRequest<Row extends CollectRow> extends CollectionPlan {
  readonly rows: AsyncIterable<Row> | Iterable<Row>;
  /** Reads a row's record; places may lie in the segments of several jobs. */
  read(row: Row): StoredRecord;
  /** Absolute; made when it does not exist. */
  readonly output: string;
  /** For the names of partial files; another text each time, of letters and digits. */
  readonly random: string;
  /** Given when the collection is a module. */
  readonly userCode?: {
    readonly ports: UserCodePorts;
    readonly timeoutMs: number;
    readonly memoryBytes: number;
  };
}

export interface Collected {
  /** Absolute paths of the files that were published. */
  readonly files: readonly string[];
  readonly rows: number;
}

/** What becomes of the rows. The promise of `add`, where there is one, is awaited. */
export interface Sink {
  add(row: CollectRow, record: StoredRecord): Promise<void> | undefined;
  /** Everything was added; files are complete but not yet published after it. */
  finish(): Promise<void>;
  /** Always called, also after an error; leaves no process and no file of its own. */
  close(): Promise<void>;
}

/**
 * Writes the results of done tasks into the output directory. Until everything is complete and
 * synced nothing there changes; then all files are replaced at once. Memory does not depend on the
 * number of rows. Errors: those of `checkCollection`, `COLLECT_…`, `CODE_…`, `RESULTS_…`.
 */
export async function collect<Row extends CollectRow>(
  request: CollectRequest<Row>,
): Promise<Collected> {
  checkCollection(request);
  if (request.collection.kind === 'none' && request.keep === 'packed')
    return { files: [], rows: 0 };
  await makeOutputDirectory(request.output);
  const files = new OutputFiles(request.output, request.random);
  const sinks: Sink[] = [];
  try {
    await openSinks(request, files, sinks);
    const rows = await addRows(request, sinks);
    for (const sink of sinks) await sink.finish();
    return { files: await files.publish(), rows };
  } finally {
    await Promise.all(sinks.map((sink) => sink.close()));
    await files.discard();
  }
}

async function openSinks<Row extends CollectRow>(
  request: CollectRequest<Row>,
  files: OutputFiles,
  sinks: Sink[],
): Promise<void> {
  if (request.keep === 'files') sinks.push(await FilesSink.open(request.output, request.random));
  const { collection, sources, columns } = request;
  if (collection.kind === 'concat') sinks.push(await ConcatSink.open(files, sources));
  if (collection.kind === 'blockwise') sinks.push(await BlocksSink.open(files, sources, columns));
  if (collection.kind === 'table') {
    sinks.push(await TableSink.open(files, sources, columns, collection.formats));
  }
  if (collection.kind === 'module') {
    if (!request.userCode) throw new Error('a module needs the ports that run it');
    const { code } = collection;
    sinks.push(await ModuleSink.open(files, { code, sources, columns, ...request.userCode }));
  }
}

async function addRows<Row extends CollectRow>(
  request: CollectRequest<Row>,
  sinks: readonly Sink[],
): Promise<number> {
  let count = 0;
  let sinceMs = performance.now();
  for await (const row of request.rows) {
    const record = row.place === null ? emptyRecord(row) : request.read(row);
    for (const sink of sinks) {
      const added = sink.add(row, record);
      if (added) await added;
    }
    count++;
    if (count % ROWS_BETWEEN_LOOKS === 0 && performance.now() - sinceMs > BUSY_MS) {
      await new Promise<void>((resume) => setImmediate(resume));
      sinceMs = performance.now();
    }
  }
  return count;
}

function emptyRecord({ ticket, task }: CollectRow): StoredRecord {
  return { ticket, job: 0, task, parts: [] };
}
