/**
 * Files that are in use already while they are being stored: one after the other, because flushing keeps
 * threads that reading and writing wait for, and few, so that what comes faster than the disk takes it
 * waits for the disk.
 */
const MOST_EARLY = 16;

export class EarlyTurns {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** Resolves, when it is this one's turn, with what ends it; null: too many wait. */
  enter(): Promise<() => void> | null {
    if (this.#waiting >= MOST_EARLY) return null;
    this.#waiting++;
    const { promise, resolve } = Promise.withResolvers<void>();
    const turn = this.#last.then(() => () => {
      this.#waiting--;
      resolve();
    });
    this.#last = promise;
    return turn;
  }
}
