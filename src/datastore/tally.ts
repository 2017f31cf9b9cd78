/** Counts of what a store has done, for metrics. */
import type { StoreCounts, StoreEvent, Way } from './port.ts';

export class Tally {
  #hits = 0;
  #misses = 0;
  #fetchedBytes = 0;
  #evicted = 0;
  #evictedBytes = 0;
  #damaged = 0;

  counts(): StoreCounts {
    return {
      hits: this.#hits,
      misses: this.#misses,
      fetchedBytes: this.#fetchedBytes,
      evicted: this.#evicted,
      evictedBytes: this.#evictedBytes,
      damaged: this.#damaged,
    };
  }

  /** A request was served. */
  noteWay({ how, movedBytes }: Way): void {
    if (how === 'fetched' || how === 'joined') this.#misses++;
    else this.#hits++;
    this.#fetchedBytes += movedBytes;
  }

  noteEvent(event: StoreEvent): void {
    if (event.kind === 'corrupt' || event.kind === 'garbage') this.#damaged++;
    else if (event.kind === 'aged') {
      this.#evicted += event.removed;
      this.#evictedBytes += event.freedBytes;
    }
  }
}
