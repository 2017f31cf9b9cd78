/** Peers that could not be reached, passed over for a while: behind NAT each try costs seconds. */
import type { Clock } from '#base';

const PASSED_OVER_MS = 300_000;
/** After so many in a row, and none that could, no peer is asked for that time. */
const MOST_IN_A_ROW = 3;

export class Unreached {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** Until when, by address. */
  readonly #until = new Map<string, number>();
  #inARow = 0;
  #allUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  has(url: string): boolean {
    return this.hasAll() || (this.#until.get(url) ?? 0) > this.#clock.monotonic();
  }

  /** It is not even worth asking for peers. */
  hasAll(): boolean {
    return this.#allUntilMs > this.#clock.monotonic();
  }

  reached(): void {
    this.#inARow = 0;
  }

  failed(url: string): void {
    const nowMs = this.#clock.monotonic();
    for (const [known, untilMs] of this.#until) if (untilMs <= nowMs) this.#until.delete(known);
    this.#until.set(url, nowMs + PASSED_OVER_MS);
    if (++this.#inARow < MOST_IN_A_ROW) return;
    this.#inARow = 0;
    this.#allUntilMs = nowMs + PASSED_OVER_MS;
  }
}
