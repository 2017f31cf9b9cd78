/**
 * What became of all that came. Each report is counted once:
 * received = stored + duplicate + suppressed + dropped + denied + malformed.
 */
export const FATES = [
  'stored',
  'duplicate',
  'suppressed',
  'dropped',
  'denied',
  'malformed',
] as const;
export type Fate = (typeof FATES)[number];

export interface CounterValues extends Readonly<Record<Fate, number>> {
  readonly received: number;
  /** Stored ones that gave way to others since. */
  readonly evicted: number;
  /** Of these, how often one that holds found room again. */
  readonly returned: number;
  /** Datagrams that the kernel dropped because they came too fast; they were never received. */
  readonly lostBefore: number;
}

export class Counters {
  readonly #fates: Record<Fate, number> = {
    stored: 0,
    duplicate: 0,
    suppressed: 0,
    dropped: 0,
    denied: 0,
    malformed: 0,
  };
  #received = 0;
  evicted = 0;
  returned = 0;
  lostBefore = 0;

  count(fate: Fate, reports = 1): void {
    this.#received += reports;
    this.#fates[fate] += reports;
  }

  values(): CounterValues {
    const { evicted, returned, lostBefore } = this;
    return { received: this.#received, ...this.#fates, evicted, returned, lostBefore };
  }
}
