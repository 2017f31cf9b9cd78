import type { TrapChange } from '#model';

/** Changes that nobody has taken yet; a storm changes faster than a disk writes. */
const CHANGES_MOST = 20_000;

/**
 * What changed since somebody last kept it: the newest change of each thing, in their order. What
 * became past long ago is not worth memory in a storm.
 */
export class PendingChanges {
  readonly #changes = new Map<string, TrapChange>();
  /** Keys of traps that nobody can have any more, oldest first. */
  readonly #past = new Set<string>();
  /**
   * Goes on where it was: looking for the first from the beginning would pass all places that were
   * given up. Whatever it answers with leaves the set, so nothing is ever before it.
   */
  #oldestPast = this.#past.values();

  get isEmpty(): boolean {
    return this.#changes.size === 0;
  }

  note(key: string, change: TrapChange): void {
    this.#changes.delete(key);
    this.#past.delete(key);
    this.#changes.set(key, change);
    if (change.kind === 'trap' && change.place === 'past') this.#past.add(key);
    if (this.#changes.size > CHANGES_MOST) this.#forgetOldestPast();
  }

  take(): TrapChange[] {
    const changes = [...this.#changes.values()];
    this.#changes.clear();
    this.#past.clear();
    this.#oldestPast = this.#past.values();
    return changes;
  }

  #forgetOldestPast(): void {
    let oldest = this.#oldestPast.next();
    if (oldest.done) {
      this.#oldestPast = this.#past.values();
      oldest = this.#oldestPast.next();
    }
    if (oldest.done) return;
    this.#changes.delete(oldest.value);
    this.#past.delete(oldest.value);
  }
}
