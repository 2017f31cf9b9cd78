import type { Starter } from '#sandbox';

/** Starters for the slots of a worker, the first of them prepared before there is anything to start. */
export class PreparedStarters {
  readonly #open: () => Starter;
  readonly #prepared: Starter[] = [];

  constructor(open: () => Starter) {
    this.#open = open;
  }

  prepare(count: number): void {
    while (this.#prepared.length < count) {
      const starter = this.#open();
      starter.prepare();
      this.#prepared.push(starter);
    }
  }

  /** From now on it is the taker's to close. */
  take(): Starter {
    return this.#prepared.pop() ?? this.#open();
  }

  /** Those that nobody took. */
  async close(): Promise<void> {
    await Promise.all(this.#prepared.splice(0).map((starter) => starter.close()));
  }
}
