/**
 * Lists that are being paged through: each is of one moment, and takes memory, so few are kept and
 * none for long. A cursor names a list and where its next page begins.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#base';
import type { ListedEntry, Snapshot } from '#datastore';
import { serverErrors } from '../errors.ts';

const MOST = 8;
const IDLE_MS = 300_000;

interface Kept {
  readonly snapshot: Snapshot;
  readonly usedMs: number;
}

export interface SnapshotPage {
  readonly snapshot: Snapshot;
  readonly entries: readonly ListedEntry[];
  readonly next: string | null;
}

export class Snapshots {
  readonly #clock: Clock;
  /** Those used last last. */
  readonly #kept = new Map<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The first page; nothing is kept when it is the only one. */
  begin(snapshot: Snapshot, limit: number): SnapshotPage {
    return this.#page(randomBytes(8).toString('hex'), snapshot, 0, limit);
  }

  /** Throws DATA_CURSOR_GONE. */
  goOn(cursor: string, limit: number): SnapshotPage {
    const [, id = '', from = ''] = /^([0-9a-f]{16})\.(\d{1,9})$/.exec(cursor) ?? [];
    this.#forgetOld();
    const kept = this.#kept.get(id);
    if (!kept) throw serverErrors.create('DATA_CURSOR_GONE', { cursor });
    return this.#page(id, kept.snapshot, Number(from), limit);
  }

  #page(id: string, snapshot: Snapshot, from: number, limit: number): SnapshotPage {
    const entries = snapshot.page(from, limit);
    const end = from + entries.length;
    this.#kept.delete(id);
    // Kept after its last page too: whose answer was lost asks for that page again.
    if (entries.length < snapshot.matching) {
      this.#kept.set(id, { snapshot, usedMs: this.#clock.monotonic() });
    }
    this.#forgetOld();
    return { snapshot, entries, next: end < snapshot.matching ? `${id}.${end}` : null };
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonic();
    for (const [id, { usedMs }] of this.#kept) {
      if (this.#kept.size <= MOST && nowMs - usedMs <= IDLE_MS) return;
      this.#kept.delete(id);
    }
  }
}
