/**
 * Event logs of jobs: files that tell the life of each task while it happens. Every event once and in
 * order, whenever the server is killed: how far a file is written is kept in the store, and what was
 * written after that is recognized, for the same entries always make the same text.
 */
import { messageOf } from '#base';
import type { EventLogFormat } from '#model';
import type { Store } from '#store';
import { logPathOf } from '#sweep';
import { printEvents, printTaskEvents } from '#wire';
import type { Core, Job } from '../core.ts';
import { lifeOfAll } from './journal.ts';
import { LogWriter } from './log-writer.ts';

/** Events for files of tasks that are put together before they are written. */
const BATCH_EVENTS = 10_000;
/** Mark of how far jobs whose tasks have logs of their own are gone through; no file is called so. */
const TASK_LOGS = 'logs of tasks';

/** How far a file is written. */
interface Mark {
  readonly through: number;
  readonly bytes: number;
}

/** An event for one file. */
interface Line {
  readonly sequence: number;
  readonly text: string;
}

export class EventLogs {
  readonly #core: Core;
  readonly #store: Store;
  readonly #log: (message: string, facts: object) => void;
  readonly #marks = new Map<string, Mark>();
  readonly #failing = new Set<string>();
  /** Jobs that were over, and written to their end: which one. Held tasks of theirs may be removed yet. */
  readonly #settled = new Map<number, number>();
  #seen = -1;
  #writing: Promise<void> = Promise.resolve();

  constructor(core: Core, store: Store, log: (message: string, facts: object) => void) {
    this.#core = core;
    this.#store = store;
    this.#log = log;
  }

  async start(): Promise<void> {
    for (const { path, ...mark } of await this.#store.eventLogs()) this.#marks.set(path, mark);
  }

  /** To be called now and then: writes what happened since. */
  look(): void {
    if (this.#core.sequence === this.#seen && this.#failing.size === 0) return;
    this.#writing = this.#writing.then(() => this.write());
  }

  /** All files, as far as what happened is durable. Never rejects. */
  async write(): Promise<void> {
    const upTo = this.#core.sequence;
    const { active, commit } = this.#core;
    const jobs = [...this.#core.jobs.values()].filter(
      ({ id, spec, lastSequence }) =>
        spec.eventLog?.path && (active.has(id) || this.#settled.get(id) !== lastSequence),
    );
    const over = jobs
      .filter(({ id }) => !active.has(id))
      .map(({ id, lastSequence }) => ({ id, lastSequence }));
    if (jobs.length > 0) {
      // A server that ends with a full disk has acknowledged nothing of it.
      const isDurable = await commit.durable().then(
        () => true,
        () => false,
      );
      if (!isDurable) return;
    }
    const shared = jobs.filter(({ spec }) => !spec.eventLog!.perTask);
    for (const [path, ofFile] of Map.groupBy(shared, ({ spec }) => spec.eventLog!.path)) {
      await this.#writeShared(path, ofFile, upTo);
    }
    const apart = jobs.filter(({ spec }) => spec.eventLog!.perTask);
    // Rows that cannot be read any more, for one.
    await this.#writeEach(apart, upTo).catch((error) => this.#tellOnce(TASK_LOGS, error));
    if (this.#failing.size === 0)
      for (const { id, lastSequence } of over) this.#settled.set(id, lastSequence);
    this.#seen = upTo;
  }

  /** One file for all tasks of these jobs. */
  async #writeShared(path: string, jobs: readonly Job[], upTo: number): Promise<void> {
    const after = this.#marks.get(path)?.through ?? 0;
    if (after >= upTo) return;
    const { format } = jobs[0]!.spec.eventLog!;
    await this.#append(path, this.#linesOf(jobs, format, after, upTo));
  }

  async *#linesOf(
    jobs: readonly Job[],
    format: EventLogFormat,
    after: number,
    upTo: number,
  ): AsyncGenerator<Line> {
    for await (const entry of lifeOfAll(this.#store, jobs, after, upTo)) {
      for (const text of printEvents(entry, format)) yield { sequence: entry.sequence, text };
    }
  }

  /** A file for each task; the files of one moment are written together. */
  async #writeEach(jobs: readonly Job[], upTo: number): Promise<void> {
    const after = this.#marks.get(TASK_LOGS)?.through ?? 0;
    if (jobs.length === 0 || after >= upTo) return;
    const places = new Map(jobs.map((job) => [job.id, placeOf(job)]));
    let files = new Map<string, Line[]>();
    let events = 0;
    let through = after;
    let isWhole = true;
    const flush = async (): Promise<void> => {
      for (const [path, lines] of files)
        isWhole = (await this.#append(path, lines, `task ${path}`)) && isWhole;
      files = new Map();
      events = 0;
    };
    for await (const entry of lifeOfAll(this.#store, jobs, after, upTo)) {
      const { format, pathOf } = places.get(entry.job)!;
      through = entry.sequence;
      for (const { task, text } of printTaskEvents(entry, format)) {
        const path = pathOf(task);
        const lines = files.get(path) ?? [];
        lines.push({ sequence: entry.sequence, text });
        files.set(path, lines);
        events++;
      }
      if (events >= BATCH_EVENTS) await flush();
    }
    await flush();
    this.#failing.delete(TASK_LOGS);
    // One that cannot be written yet is read once more; the others know what they have.
    if (isWhole && through > after) this.#keep(TASK_LOGS, { through, bytes: 0 });
  }

  /**
   * Whether all of it is on the disk; nothing is opened for no line. Never rejects.
   * @param key of its mark: a file may take the events of one task and those of whole jobs
   */
  async #append(
    path: string,
    lines: Iterable<Line> | AsyncIterable<Line>,
    key = path,
  ): Promise<boolean> {
    const mark = this.#marks.get(key);
    const after = mark?.through ?? 0;
    let writer: LogWriter | null = null;
    let through = after;
    try {
      try {
        for await (const { sequence, text } of lines) {
          if (sequence <= after) continue;
          writer ??= await LogWriter.open(path, mark?.bytes ?? null);
          await writer.put(text);
          through = Math.max(through, sequence);
        }
        if (writer) this.#keep(key, { through, bytes: await writer.finish() });
      } finally {
        await writer?.close();
      }
      this.#failing.delete(path);
      return true;
    } catch (error) {
      this.#tellOnce(path, error);
      return false;
    }
  }

  #tellOnce(file: string, error: unknown): void {
    if (!this.#failing.has(file)) {
      const what = 'an event log could not be written; it is tried again';
      this.#log(what, { file, error: messageOf(error) });
    }
    this.#failing.add(file);
  }

  /** Known to the store from its next commit on. */
  #keep(path: string, mark: Mark): void {
    this.#marks.set(path, mark);
    this.#core.commit.add({ kind: 'event-log', path, ...mark });
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    await this.#writing;
    await this.write();
    await this.#core.commit.durable().catch(() => undefined);
  }
}

function placeOf(job: Job): { format: EventLogFormat; pathOf: (task: number) => string } {
  const { rows, columns, spec, id } = job;
  const eventLog = spec.eventLog!;
  const pathOf = logPathOf(eventLog, columns, id);
  return { format: eventLog.format, pathOf: (task) => pathOf(rows.row(task), task) };
}
