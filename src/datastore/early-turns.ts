/**
 * Files that are in use already while they are being stored: few at once, because a flush keeps one of the
 * threads that reading and writing wait for (libuv has four), and not many that wait, so that what comes
 * faster than the disk takes it waits for the disk.
 */
const AT_ONCE = 3;
const MOST_EARLY = 16;

export class EarlyTurns {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Resolves, when it is this one's turn, with what ends it; null: too many wait. */
  enter(): Promise<() => void> | null {
    if (this.#running + this.#waiting.length >= MOST_EARLY) return null;
    const leave = () => this.#leave();
    if (this.#running < AT_ONCE) {
      this.#running++;
      return Promise.resolve(leave);
    }
    return new Promise((resolve) => this.#waiting.push(() => resolve(leave)));
  }

  /** The place is taken over by whoever waits for it longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }
}
