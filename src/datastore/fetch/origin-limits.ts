/** How many transfers run at a time: from one origin and in all, first come, first served. */

interface Waiter {
  readonly origin: string;
  readonly start: () => void;
}

export class OriginLimits {
  readonly #perOrigin: number;
  readonly #inAll: number;
  readonly #running = new Map<string, number>();
  readonly #waiting = new Set<Waiter>();
  #all = 0;

  constructor(perOrigin: number, inAll: number) {
    this.#perOrigin = perOrigin;
    this.#inAll = inAll;
  }

  /** Resolves with what gives the place back; rejects with the signal's reason. */
  async enter(origin: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (!this.#hasRoom(origin)) await this.#wait(origin, signal);
    else this.#take(origin);
    return () => this.#leave(origin);
  }

  /** The place is taken for the waiter by whoever leaves, so nobody comes in between. */
  #wait(origin: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.delete(waiter);
        reject(signal.reason);
      };
      const start = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const waiter = { origin, start };
      this.#waiting.add(waiter);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #hasRoom(origin: string): boolean {
    return this.#all < this.#inAll && (this.#running.get(origin) ?? 0) < this.#perOrigin;
  }

  #take(origin: string): void {
    this.#all++;
    this.#running.set(origin, (this.#running.get(origin) ?? 0) + 1);
  }

  #leave(origin: string): void {
    this.#all--;
    const left = this.#running.get(origin)! - 1;
    if (left === 0) this.#running.delete(origin);
    else this.#running.set(origin, left);
    // Those of an origin that is full are passed over: it does not hold up the others.
    for (const waiter of this.#waiting) {
      if (this.#all >= this.#inAll) return;
      if (!this.#hasRoom(waiter.origin)) continue;
      this.#waiting.delete(waiter);
      this.#take(waiter.origin);
      waiter.start();
    }
  }
}
