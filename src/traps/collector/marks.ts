import type { Clock } from '#base';

/** Marks are `i4`: below 2^31, and so are the seconds of the clock until January 2038. */
const MARKS_END = 2 ** 31;

/**
 * Marks for monitors: strictly increasing, and the seconds of the clock wherever they can be, so
 * that a monitor may also ask with a time. All traps that came between two looks share one mark, so
 * that the marks run ahead of the clock by looks that found something new, not by traps.
 *
 *   last ──stamp──▶ open (traps get it) ──read──▶ last (monitors have it)
 */
export class Marks {
  readonly #clock: Clock;
  #last: number;
  #open: number | null = null;

  /** @param past marks up to this one were given out by an earlier life */
  constructor(clock: Clock, past: number) {
    this.#clock = clock;
    this.#last = Math.max(past, this.#ofClock());
  }

  /**
   * The mark for a trap that comes now. `renewed`: the numbers ran out and begin anew, so that
   * traps which are kept must get this mark too; monitors take it for another life.
   */
  stamp(): { mark: number; renewed: boolean } {
    if (this.#open !== null) return { mark: this.#open, renewed: false };
    const next = Math.max(this.#last + 1, this.#ofClock());
    const renewed = next >= MARKS_END;
    this.#open = renewed ? Math.max(1, this.#ofClock() % (MARKS_END - 1)) : next;
    return { mark: this.#open, renewed };
  }

  /** The mark up to which a monitor now has everything; what comes later gets a greater one. */
  read(): number {
    if (this.#open !== null) this.#last = this.#open;
    this.#open = null;
    return this.#last;
  }

  #ofClock(): number {
    return Math.floor(this.#clock.now() / 1000) % MARKS_END;
  }
}
