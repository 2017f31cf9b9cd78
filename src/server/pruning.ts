/**
 * Gives back the room of removed jobs: their results, the history of their attempts, and tables and
 * blobs that no other job needs. Whatever is killed in between, at the next start the rest goes.
 *
 * removed ──nothing of it runs, nobody counts its results──▶ emptied, durably ──▶ rows, then files
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '#base';
import type { Store } from '#store';
import type { Core, Job } from './core.ts';
import { blobsOf } from './intake/blobs.ts';
import type { Tables } from './intake/tables.ts';
import type { Layout } from './layout.ts';

const LOOK_MS = 60_000;
/** Rows deleted in one transaction: some milliseconds of this thread. */
const ROWS = 2000;
/** A file that came, or was asked for, so short a time ago may be for a job that is still coming. */
const YOUNG_MS = 60 * 60_000;
/** An upload that broke off may be gone on with for so long. */
const UNFINISHED_MS = 7 * 24 * 3_600_000;

export interface PruningParts {
  readonly core: Core;
  readonly store: Store;
  readonly layout: Layout;
  readonly tables: Tables;
  readonly log: (level: 'warn', message: string, facts?: object) => void;
}

export class Pruning {
  readonly #parts: PruningParts;
  readonly #done = new Set<Job>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  #filesAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(parts: PruningParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.run();
    this.#timer = setInterval(() => void this.run(), LOOK_MS);
  }

  /** Deletes what can go now. Never rejects: what could not be deleted is tried again. */
  run(): Promise<void> {
    this.#running ??= this.#prune()
      .catch((error) => {
        const facts = { reason: messageOf(error) };
        if (!this.#closed) this.#parts.log('warn', 'not all of a removed job was deleted', facts);
      })
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  async #prune(): Promise<void> {
    const { core } = this.#parts;
    let emptied = false;
    for (const job of [...core.jobs.values()]) {
      if (this.#closed) return;
      if (job.state !== 'removed' || this.#done.has(job)) continue;
      if (!job.emptied && !(await this.#give(job))) continue;
      await this.#delete(job);
      this.#done.add(job);
      emptied = true;
    }
    const nowMs = core.clock.monotonic();
    if (!emptied && nowMs - this.#filesAtMs < YOUNG_MS) return;
    this.#filesAtMs = nowMs;
    this.#deleteFiles();
  }

  /** Says durably that the job's results are not needed; false when they are. */
  async #give(job: Job): Promise<boolean> {
    const { core } = this.#parts;
    const nextJob = core.nextJob;
    await core.commit.durable();
    if (await this.#isCounted(job)) return false;
    const runs = [...core.leases.values()].some((lease) => lease.job === job.id);
    // From here to the change nothing waits: no job can have begun to count its results.
    if (runs || job.takers > 0 || core.nextJob !== nextJob) return false;
    job.emptied = true;
    core.commit.add({ kind: 'job-emptied', job: job.id });
    await core.commit.durable();
    return true;
  }

  /** Only versions of the same sweep take over results. */
  async #isCounted(job: Job): Promise<boolean> {
    const { core, store } = this.#parts;
    for (const other of [...core.jobs.values()]) {
      const may = other.lineage === job.lineage && other.state !== 'removed';
      if (may && (await store.reuses(other.id, job.id))) return true;
    }
    return false;
  }

  async #delete(job: Job): Promise<void> {
    const { store, layout } = this.#parts;
    while (await store.forget(job.id, ROWS)) {
      if (this.#closed) return;
      await nextTurn();
    }
    await job.results.close();
    await rm(layout.results(job.id), { recursive: true, force: true });
  }

  #deleteFiles(): void {
    const { core, layout, tables } = this.#parts;
    const needed = new Set<string>();
    for (const { state, spec } of core.jobs.values()) {
      if (state === 'removed') continue;
      for (const { blob } of blobsOf(spec)) needed.add(blob).add(blob.slice(0, 32));
      for (const axis of spec.axes) if (axis.kind === 'file') needed.add(axis.table);
    }
    const nowMs = core.clock.now();
    for (const [, names] of oldFiles(layout.uploads, nowMs - UNFINISHED_MS)) {
      for (const name of names) rmSync(join(layout.uploads, name), { force: true });
    }
    const before = nowMs - YOUNG_MS;
    for (const folder of [layout.blobs, layout.tables, layout.work]) {
      for (const [id, names] of oldFiles(folder, before)) {
        if (needed.has(id)) continue;
        tables.forget(id);
        for (const name of names) rmSync(join(folder, name), { force: true });
      }
    }
  }
}

/**
 * Files by what their names begin with, up to a point, of those of which none was touched since; none
 * where there is no such folder.
 */
function oldFiles(folder: string, beforeMs: number): [id: string, names: string[]][] {
  const files = new Map<string, string[]>();
  const young = new Set<string>();
  for (const name of namesIn(folder)) {
    const [id = ''] = name.split('.');
    files.set(id, [...(files.get(id) ?? []), name]);
    const found = statSync(join(folder, name), { throwIfNoEntry: false });
    if (found && found.mtimeMs >= beforeMs) young.add(id);
  }
  return [...files].filter(([id]) => !young.has(id));
}

function namesIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  } catch {
    return [];
  }
}
