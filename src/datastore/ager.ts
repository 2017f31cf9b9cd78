/** When a store ages: when it is told to, when its limits are reached, when the disk is full. */
import { statfs } from 'node:fs/promises';
import { type AgeingParts, age, lookAtDisk, surplusOf, type Totals, totalsOf } from './ageing.ts';
import { inTurns } from './index/in-turns.ts';
import type { Aged, AgeWish, StoreEvent } from './port.ts';

/** Looks whether there is something to age; between them it is looked after every file. */
const LOOK_MS = 600_000;
/** Then all is counted again: other processes store and remove as well. */
const COUNTED_MS = 60_000;
/** So much of a full disk is made free at a time. */
const FULL_DISK_PART = 64;
const NOTHING: Totals = { entries: 0, bytes: 0 };

export interface AgerParts extends AgeingParts {
  readonly signal: AbortSignal;
  /** Resolves when the index knows all that is there. */
  knowAll(): Promise<void>;
  onEvent(event: StoreEvent): void;
}

/** Ageing runs once at a time, beside everything else. */
export class Ager {
  readonly #parts: AgerParts;
  readonly #timer: NodeJS.Timeout;
  #ageing: Promise<Aged> | null = null;
  /** As they were counted, with what this process has stored since. */
  #totals = NOTHING;
  #countedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: AgerParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#lookLater(), LOOK_MS).unref();
  }

  async age(wish: AgeWish): Promise<Aged> {
    // Of several who wait for the one under way, the others wait for the first of them.
    while (this.#ageing !== null) await this.#ageing.catch(() => {});
    this.#parts.signal.throwIfAborted();
    return this.#begin(wish);
  }

  noteStored(bytes: number): void {
    this.#totals = { entries: this.#totals.entries + 1, bytes: this.#totals.bytes + bytes };
    this.#lookLater();
  }

  /** True when some room became free. */
  async makeRoom(): Promise<boolean> {
    const { layout, limits } = this.#parts;
    const { blocks, bsize } = await statfs(layout.directory);
    const { leastFreeBytes } = await lookAtDisk(layout.directory, limits);
    const room = Math.max(leastFreeBytes, (blocks * bsize) / FULL_DISK_PART);
    const aged = await (this.#ageing ?? this.#begin({}, room)).catch(() => null);
    return (aged?.freedBytes ?? 0) > 0;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#ageing?.catch(() => {});
  }

  #lookLater(): void {
    if (this.#ageing !== null || this.#parts.signal.aborted) return;
    void this.#ageIfDue().catch(() => {}); // told of by the event of whoever then finds no room
  }

  async #ageIfDue(): Promise<void> {
    if (!(await this.#isDue())) return;
    if (this.#ageing === null && !this.#parts.signal.aborted) await this.#begin({});
  }

  /** Asked after every file: so a million entries are not counted each time. */
  async #isDue(): Promise<boolean> {
    const { layout, limits, index, clock } = this.#parts;
    const disk = await lookAtDisk(layout.directory, limits);
    const isOver = (totals: Totals) => surplusOf(totals, disk, limits, false) !== null;
    // Counting needs the whole index, which is left alone where nothing is limited.
    if (limits.mostBytes === 0 && limits.mostFiles === 0) return isOver(NOTHING);
    const isCounted = clock.monotonic() - this.#countedMs < COUNTED_MS;
    if (isCounted && !isOver(this.#totals)) return false;
    this.#countedMs = clock.monotonic();
    this.#totals = await inTurns(totalsOf(await index.load()));
    return isOver(this.#totals);
  }

  #begin(wish: AgeWish, atLeastBytes = 0): Promise<Aged> {
    this.#ageing = this.#age(wish, atLeastBytes).finally(() => {
      this.#ageing = null;
    });
    return this.#ageing;
  }

  async #age(wish: AgeWish, atLeastBytes: number): Promise<Aged> {
    await this.#parts.knowAll();
    const aged = await age(this.#parts, wish, atLeastBytes);
    const { removed, freedBytes } = aged;
    if (removed > 0) this.#parts.onEvent({ kind: 'aged', removed, freedBytes });
    return aged;
  }
}
