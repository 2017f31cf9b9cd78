/** Whether it is time to age, asked after every file: so a million entries are not counted each time. */
import type { Clock } from '#base';
import { freeBytesOf, surplusOf, type Totals, totalsOf } from './ageing.ts';
import type { EntryIndex } from './index/entry-index.ts';
import { inTurns } from './index/in-turns.ts';
import type { StoreLimits } from './port.ts';

/** Then all is counted again: other processes store and remove as well. */
const COUNTED_MS = 60_000;
const NOTHING: Totals = { entries: 0, bytes: 0 };

export interface DueWatchParts {
  readonly directory: string;
  readonly index: EntryIndex;
  readonly limits: StoreLimits;
  readonly clock: Clock;
}

export class DueWatch {
  readonly #parts: DueWatchParts;
  /** As they were counted, with what this process has stored since. */
  #totals = NOTHING;
  #countedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: DueWatchParts) {
    this.#parts = parts;
  }

  noteStored(bytes: number): void {
    this.#totals = { entries: this.#totals.entries + 1, bytes: this.#totals.bytes + bytes };
  }

  /** Rejects with what the file system or the index said. */
  async isDue(): Promise<boolean> {
    const { directory, limits, clock } = this.#parts;
    const freeBytes = await freeBytesOf(directory);
    const isOver = (totals: Totals) => surplusOf(totals, freeBytes, limits, false) !== null;
    if (limits.mostBytes === 0 && limits.mostFiles === 0) return isOver(NOTHING);
    const isCounted = clock.monotonic() - this.#countedMs < COUNTED_MS;
    if (isCounted && !isOver(this.#totals)) return false;
    this.#countedMs = clock.monotonic();
    this.#totals = await inTurns(totalsOf(await this.#parts.index.load()));
    return isOver(this.#totals);
  }
}
