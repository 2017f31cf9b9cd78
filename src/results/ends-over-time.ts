import { BLAME, type Cause } from '#model';

/** Of a job's whole life: enough for a chart, however long it is. */
const STEPS_MOST = 240;
const FIRST_STEP_MS = 1000;

/** How many attempts ended in each of the steps, the first of which begins at `fromMs`. */
export interface EndsJson {
  readonly fromMs: number;
  readonly stepMs: number;
  /** Attempts whose results count. */
  readonly ok: readonly number[];
  /** Attempts that failed by the doing of their program or their machine. */
  readonly failed: readonly number[];
}

/**
 * Ends of attempts over time, in memory that does not grow: when the last step is over, all become
 * twice as long. What is nobody's fault does not count: it may be taken back, or was wished for.
 */
export class EndsOverTime {
  #fromMs: number | null = null;
  #stepMs = FIRST_STEP_MS;
  #ok: number[] = [];
  #failed: number[] = [];

  static fromJSON(json: EndsJson | null | undefined): EndsOverTime {
    const made = new EndsOverTime();
    if (!json) return made;
    made.#fromMs = json.fromMs;
    made.#stepMs = json.stepMs;
    made.#ok = [...json.ok];
    made.#failed = [...json.failed];
    return made;
  }

  /** Null before the first end. */
  toJSON(): EndsJson | null {
    if (this.#fromMs === null) return null;
    const [ok, failed] = [[...this.#ok], [...this.#failed]];
    return { fromMs: this.#fromMs, stepMs: this.#stepMs, ok, failed };
  }

  add(atMs: number, cause: Cause): void {
    if (cause !== 'ok' && BLAME[cause] === 'none') return;
    this.#fromMs ??= atMs;
    // A clock that was set back does not make the past longer.
    const afterMs = Math.max(0, atMs - this.#fromMs);
    while (afterMs >= STEPS_MOST * this.#stepMs) this.#widen();
    const step = Math.floor(afterMs / this.#stepMs);
    while (this.#ok.length <= step) {
      this.#ok.push(0);
      this.#failed.push(0);
    }
    (cause === 'ok' ? this.#ok : this.#failed)[step]!++;
  }

  #widen(): void {
    this.#stepMs *= 2;
    this.#ok = inPairs(this.#ok);
    this.#failed = inPairs(this.#failed);
  }
}

function inPairs(counts: readonly number[]): number[] {
  const pairs: number[] = [];
  for (let at = 0; at < counts.length; at += 2) pairs.push(counts[at]! + (counts[at + 1] ?? 0));
  return pairs;
}
