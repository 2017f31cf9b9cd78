import type { Clock } from '#base';

/** Marks are `i4`: below 2^31, and so are the seconds of the clock until January 2038. */
const MARKS_END = 2 ** 31;

/** So many are reserved at a time, that a life may run ahead of its clock. */
const RESERVED = 32;

/**
 * Marks for monitors: strictly increasing, and the seconds of the clock wherever they can be, so
 * that a monitor may also ask with a time. All traps that came between two looks share one mark, so
 * that the marks run ahead of the clock by looks that found something new, not by traps.
 *
 *   last ──stamp──▶ open (traps get it) ──read──▶ last (monitors have it)
 *
 * A later life must begin at or behind every mark that an earlier one gave out, or what it stamps
 * would be taken for seen. It begins at the clock's second and at what was reserved; so a mark is
 * given out once the clock has come to it, or when it is reserved. Until then what carries it is
 * told to nobody. Where the clock is behind and nothing can be reserved, because the disk is full,
 * one a second is given all the same: to be seen now matters more than a kill that may come.
 */
export class Marks {
  readonly #clock: Clock;
  #last: number;
  #open: number | null = null;
  #reserved = 0;
  #asked = 0;
  /** The furthest that the clock or the marks came; it goes on also when the clock is set back. */
  #secondsMs: number;
  #secondsAtMs: number;

  /** @param past marks up to this one may have been given out by an earlier life */
  constructor(clock: Clock, past: number) {
    this.#clock = clock;
    this.#secondsMs = clock.now();
    this.#secondsAtMs = clock.monotonic();
    this.#last = Math.max(past, this.#ofClock());
  }

  /** Whether those that are reserved, or soon will be, run out. */
  get needsReservation(): boolean {
    return this.#last + RESERVED / 2 > this.#asked;
  }

  /** The mark up to which some should be reserved. */
  reservation(): number {
    this.#asked = this.#last + RESERVED;
    return this.#asked;
  }

  /** No later life will begin before this one: marks up to it may be given out at once. */
  reserve(mark: number): void {
    this.#reserved = mark;
  }

  /** Gives back what is reserved and not used; the answer is the last one that was given out. */
  settle(): number {
    this.#reserved = 0;
    return this.#last;
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
    if (this.#open === null || !this.#mayBeGiven(this.#open)) return this.#last;
    this.#last = this.#open;
    this.#open = null;
    return this.#last;
  }

  #mayBeGiven(mark: number): boolean {
    return mark <= this.#reserved || mark <= this.#furthestSecond();
  }

  #furthestSecond(): number {
    const monotonicMs = this.#clock.monotonic();
    const passedMs = Math.max(0, monotonicMs - this.#secondsAtMs);
    const reachedMs = Math.max(this.#secondsMs, this.#last * 1000) + passedMs;
    this.#secondsMs = Math.max(this.#clock.now(), reachedMs);
    this.#secondsAtMs = monotonicMs;
    return Math.floor(this.#secondsMs / 1000) % MARKS_END;
  }

  #ofClock(): number {
    return Math.floor(this.#clock.now() / 1000) % MARKS_END;
  }
}
