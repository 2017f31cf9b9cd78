/**
 * Percentiles of a stream of times in constant memory, after DDSketch (Masson, Rim, Lee, 2019):
 * buckets grow by a factor, so that every estimate is within `ACCURACY` of a true value.
 */
const ACCURACY = 0.01;
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
/** Below a microsecond a time is zero; above about 30 years it is the largest bucket's. */
const MIN_MS = 0.001;
const MAX_MS = 1e12;

export interface PercentilesJson {
  readonly zeros: number;
  readonly sumMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Bucket numbers and their counts, one behind the other. */
  readonly buckets: readonly number[];
}

export interface PercentilesSummary {
  readonly count: number;
  readonly minMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly meanMs: number;
  readonly sumMs: number;
}

export class Percentiles {
  readonly #buckets = new Map<number, number>();
  #count = 0;
  #zeros = 0;
  #sumMs = 0;
  #minMs = Number.POSITIVE_INFINITY;
  #maxMs = 0;

  static fromJSON(json: PercentilesJson): Percentiles {
    const made = new Percentiles();
    made.#zeros = json.zeros;
    made.#count = json.zeros;
    for (let i = 0; i + 1 < json.buckets.length; i += 2) {
      made.#buckets.set(json.buckets[i]!, json.buckets[i + 1]!);
      made.#count += json.buckets[i + 1]!;
    }
    made.#sumMs = json.sumMs;
    made.#minMs = made.#count === 0 ? Number.POSITIVE_INFINITY : json.minMs;
    made.#maxMs = json.maxMs;
    return made;
  }

  toJSON(): PercentilesJson {
    const minMs = this.#count === 0 ? 0 : this.#minMs;
    const buckets = [...this.#buckets].flat();
    return { zeros: this.#zeros, sumMs: this.#sumMs, minMs, maxMs: this.#maxMs, buckets };
  }

  get count(): number {
    return this.#count;
  }

  /** Negative and undefined times, which a clock that was set back can give, count as zero. */
  add(ms: number): void {
    const time = ms > 0 ? Math.min(ms, MAX_MS) : 0;
    this.#count++;
    this.#sumMs += time;
    if (time < this.#minMs) this.#minMs = time;
    if (time > this.#maxMs) this.#maxMs = time;
    if (time < MIN_MS) {
      this.#zeros++;
      return;
    }
    const bucket = Math.ceil(Math.log(time) / LOG_GAMMA);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  /** Several quantiles (0 to 1, ascending) in one pass; 0 for each when nothing was added. */
  quantiles(fractions: readonly number[]): number[] {
    const ordered = [...this.#buckets].sort(([a], [b]) => a - b);
    let next = 0;
    let seen = this.#zeros;
    let value = 0;
    return fractions.map((fraction) => {
      const rank = Math.ceil(fraction * this.#count);
      while (seen < rank && next < ordered.length) {
        const [bucket, count] = ordered[next++]!;
        seen += count;
        value = (2 * GAMMA ** bucket) / (GAMMA + 1);
      }
      return this.#count === 0 ? 0 : Math.min(Math.max(value, this.#minMs), this.#maxMs);
    });
  }

  /** Null when nothing was added. */
  summary(): PercentilesSummary | null {
    if (this.#count === 0) return null;
    const [p50Ms, p90Ms, p99Ms] = this.quantiles([0.5, 0.9, 0.99]) as [number, number, number];
    const meanMs = this.#sumMs / this.#count;
    const { minMs, maxMs, sumMs } = this.toJSON();
    return { count: this.#count, minMs, p50Ms, p90Ms, p99Ms, maxMs, meanMs, sumMs };
  }
}
