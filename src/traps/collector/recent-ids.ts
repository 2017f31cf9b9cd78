/** Ids that were seen, at least the latest `least` of them, at most twice as many. */
export class RecentIds {
  readonly #least: number;
  #newer = new Set<string>();
  #older = new Set<string>();

  constructor(least: number) {
    this.#least = least;
  }

  /** False when it was seen. */
  add(id: string): boolean {
    if (this.#newer.has(id)) return false;
    const isNew = !this.#older.has(id);
    if (this.#newer.size >= this.#least) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(id);
    return isNew;
  }
}
