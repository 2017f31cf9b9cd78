/** A job's results become the user's files: at its end, and whenever somebody asks. */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { JobId, PublishedFile, RecordPlace, TaskIndex, Ticket } from '#model';
import {
  type CollectRow,
  collect,
  notePublished,
  removePublished,
  SegmentReader,
  type StoredRecord,
  type UserCodePorts,
} from '#results';
import type { CollectedRow, Store } from '#store';
import type { Core, Job } from './core.ts';
import type { Blobs } from './intake/blobs.ts';
import type { Layout } from './layout.ts';
import { placeUserCode, USER_CODE_MEMORY_BYTES } from './user-code.ts';

const PAGE = 5000;
const COLLECTOR_TIMEOUT_MS = 60_000;

export interface CollectingParts {
  readonly core: Core;
  readonly store: Store;
  readonly layout: Layout;
  readonly blobs: Blobs;
  readonly ports: UserCodePorts;
}

/** A done task with its parameters and where its record lies. */
export interface DoneRow extends CollectRow {
  /** The job in whose segments `place` lies. */
  readonly home: JobId;
}

export class Collecting {
  readonly #parts: CollectingParts;
  /** One collection into an output at a time; a second waits for the first, then begins anew. */
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(parts: CollectingParts) {
    this.#parts = parts;
  }

  /** Writes the outputs of what is done now. Returns the files, absolute, and how many tasks they hold. */
  async collect(job: Job): Promise<{ files: readonly string[]; rows: number }> {
    const { output } = job.spec;
    const before = this.#running.get(output) ?? Promise.resolve();
    const run = before.catch(() => undefined).then(() => this.#collectNow(job));
    this.#running.set(output, run);
    try {
      return await run;
    } finally {
      if (this.#running.get(output) === run) this.#running.delete(output);
    }
  }

  async #collectNow(job: Job): Promise<{ files: readonly string[]; rows: number }> {
    const { core, blobs, layout, ports } = this.#parts;
    const { spec } = job;
    const records = new Records(core);
    // What ends after this moment may be missing.
    const atMs = core.clock.now();
    try {
      const { collect: chosen } = spec;
      const collection =
        chosen.kind === 'module'
          ? { kind: 'module' as const, code: placeUserCode(chosen.code, blobs, layout) }
          : chosen;
      const collected = await collect<DoneRow>({
        collection,
        sources: spec.results,
        columns: job.columns,
        keep: spec.keep,
        rows: this.doneRows(job, spec.order),
        read: (row) => records.read(row),
        output: this.#outputOf(job),
        random: randomBytes(8).toString('hex'),
        userCode: { ports, timeoutMs: COLLECTOR_TIMEOUT_MS, memoryBytes: USER_CODE_MEMORY_BYTES },
      });
      await this.#removeEarlier(job, collected.files);
      job.collectedAtMs = atMs;
      job.collectionError = null;
      this.#notePublished(job, atMs, notePublished(collected.files));
      await core.commit.durable();
      return collected;
    } finally {
      records.close();
    }
  }

  /** What this or an earlier job has put there, and nobody would replace any more. */
  async #removeEarlier(job: Job, files: readonly string[]): Promise<void> {
    const { core } = this.#parts;
    const output = this.#outputOf(job);
    const kept = new Set(files.map((file) => basename(file)));
    for (const other of core.jobs.values()) {
      if (other.published.length === 0 || this.#outputOf(other) !== output) continue;
      await removePublished(output, other.published, kept);
      if (other !== job) this.#notePublished(other, other.collectedAtMs!, []);
    }
  }

  #notePublished(job: Job, atMs: number, published: readonly PublishedFile[]): void {
    job.published = published;
    this.#parts.core.commit.add({ kind: 'job-collected', job: job.id, atMs, published });
  }

  #outputOf(job: Job): string {
    return job.spec.output || this.#parts.layout.output(job.id);
  }

  /** Done tasks in the wanted order; what ended while this runs may or may not be among them. */
  async *doneRows(job: Job, order: 'table' | 'completion'): AsyncGenerator<DoneRow> {
    const { store, core } = this.#parts;
    await core.commit.durable();
    for (let after = order === 'table' ? -1 : 0; ; ) {
      const page =
        order === 'table'
          ? await store.collectedByTask(job.id, after, PAGE)
          : await store.collectedByEnd(job.id, after, PAGE);
      yield* withCells(job, page);
      if (page.length < PAGE) return;
      // Reading is synchronous; leases are renewed in between.
      await nextTurn();
      const last = page.at(-1)!;
      after = order === 'table' ? last.task : last.sequence;
    }
  }
}

function* withCells(job: Job, page: readonly CollectedRow[]): Generator<DoneRow> {
  for (const { task, ticket, place, reusedFrom } of page) {
    yield { task, ticket, place, cells: job.rows.row(task), home: reusedFrom ?? job.id };
  }
}

/** Reads records of several jobs, in big blocks while their places ascend. */
export class Records {
  readonly #core: Core;
  readonly #readers = new Map<JobId, SegmentReader>();

  constructor(core: Core) {
    this.#core = core;
  }

  read(row: {
    readonly home: JobId;
    readonly place: RecordPlace | null;
    readonly ticket: Ticket;
    readonly task: TaskIndex;
  }): StoredRecord {
    const { home, place, ticket, task } = row;
    if (place === null) return { ticket, task, job: home, parts: [] };
    let reader = this.#readers.get(home);
    if (!reader) {
      reader = new SegmentReader(this.#core.jobs.get(home)!.results.directory, { readAhead: true });
      this.#readers.set(home, reader);
    }
    return reader.read(place);
  }

  close(): void {
    for (const reader of this.#readers.values()) reader.close();
  }
}
