import type { Clock } from '#base';
import type { Fragment } from './method.ts';

/** After a making that took a while, the next is not before this many times that while. */
const REST = 20;
/** What is made faster than this is made anew whenever it is asked for. */
const QUICK_MS = 5;

/** An answer that is made anew when its version changed, and bounded in what its making costs. */
export class Remade {
  readonly #clock: Clock;
  readonly #make: () => Fragment;
  #made: Fragment | null = null;
  #version = -1;
  #notBeforeMs = 0;

  constructor(clock: Clock, make: () => Fragment) {
    this.#clock = clock;
    this.#make = make;
  }

  at(version: number): Fragment {
    const startMs = this.#clock.monotonic();
    if (this.#made !== null && (version === this.#version || startMs < this.#notBeforeMs)) {
      return this.#made;
    }
    this.#made = this.#make();
    this.#version = version;
    const tookMs = this.#clock.monotonic() - startMs;
    this.#notBeforeMs = tookMs < QUICK_MS ? 0 : startMs + tookMs * REST;
    return this.#made;
  }
}
