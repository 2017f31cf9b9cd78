/** Time as an argument: decisions take a `Clock` (or a number), never `Date.now()`. */
export interface Clock {
  /** Milliseconds since the epoch (UTC); may jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds that only go forward; for durations and deadlines. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #ms: number;
  constructor(startMs = 1_700_000_000_000) {
    this.#ms = startMs;
  }
  now(): number {
    return this.#ms;
  }
  monotonic(): number {
    return this.#ms;
  }
  advance(ms: number): void {
    this.#ms += ms;
  }
}
