/**
 * Which numbers were there before. A `Set` of a million stops everything for tenths of a second when
 * it grows; this one has its size from the beginning.
 */
export class SeenNumbers {
  /** Each number plus 1; 0 is an empty place. */
  readonly #places: Float64Array;

  /** @param most so many different numbers are added at most */
  constructor(most: number) {
    this.#places = new Float64Array(2 ** Math.ceil(Math.log2(Math.max(16, most * 2))));
  }

  /** True when `number` is new: whole, from 0 to 2^53 - 2, and its last bits as good as random. */
  add(number: number): boolean {
    const places = this.#places;
    const last = places.length - 1;
    for (let place = number & last; ; place = (place + 1) & last) {
      const found = places[place]!;
      if (found === number + 1) return false;
      if (found !== 0) continue;
      places[place] = number + 1;
      return true;
    }
  }
}
