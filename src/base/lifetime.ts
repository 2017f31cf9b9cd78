import { messageOf } from './errors.ts';

interface Held {
  readonly name: string;
  readonly close: () => void | Promise<void>;
}

/**
 * Things that were opened and must be closed: in reverse order, one after the other, all of them
 * whatever fails. What is added once closing has begun is closed at once, so nothing leaks when an
 * opening and the end cross each other.
 */
export class Lifetime {
  #held: Held[] = [];
  #closing: Promise<void> | null = null;

  /** Takes `close` over. Returns what was opened, so that opening and holding are one line. */
  hold<T>(name: string, opened: T, close: (opened: T) => void | Promise<void>): T {
    this.#held.push({ name, close: () => close(opened) });
    return opened;
  }

  get closed(): boolean {
    return this.#closing !== null;
  }

  /**
   * Closes everything; repeated calls get the same promise, or a further one when something was
   * added since. Rejects with an AggregateError after all were tried.
   */
  close(): Promise<void> {
    if (this.#closing !== null && this.#held.length === 0) return this.#closing;
    const before = this.#closing ?? Promise.resolve();
    this.#closing = before.then(() => this.#closeHeld());
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #closeHeld(): Promise<void> {
    const errors: Error[] = [];
    for (let held = this.#held.pop(); held !== undefined; held = this.#held.pop()) {
      try {
        await held.close();
      } catch (error) {
        errors.push(new Error(`${held.name}: ${messageOf(error)}`, { cause: error }));
      }
    }
    if (errors.length > 0) {
      throw new AggregateError(errors, `could not close ${errors.map(messageOf).join('; ')}`);
    }
  }
}
