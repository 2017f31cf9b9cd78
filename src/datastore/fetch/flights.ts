/**
 * One transfer however many wait. Each waiter leaves by its own signal; the last one to leave breaks
 * the transfer off. A failure is told to all who wait now, and kept for nobody. A flight lands when what
 * it brings may be used; nobody breaks it off any more, and it ends when that has its place.
 */
import type { Progress } from '../port.ts';

/** Progress is told at most so often, but for the first and the last. */
const TELL_MS = 100;

interface Waiting {
  /** Waits until the flight lands, not until it ends. */
  readonly isEarly: boolean;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

interface Flight<Outcome> {
  readonly promise: Promise<Outcome>;
  /** Settled with `promise` at the latest. */
  readonly landed: PromiseWithResolvers<Outcome>;
  hasLanded: boolean;
  readonly hash: string;
  readonly aborter: AbortController;
  readonly waiting: Set<Waiting>;
  progress: Progress;
  toldAtMs: number;
}

export interface FlightControls<Outcome> {
  readonly signal: AbortSignal;
  /** Somebody would have it as soon as it may be used. */
  isWaitedForEarly(): boolean;
  /** From now on it may be used. */
  land(outcome: Outcome): void;
  onProgress(bytes: number, totalBytes: number | null): void;
}

export class Flights<Outcome> {
  readonly #flights = new Map<string, Flight<Outcome>>();
  /** By hash: of one entry one flight runs at a time. */
  readonly #last = new Map<string, Promise<unknown>>();
  readonly #monotonic: () => number;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  underWay(): Progress[] {
    return [...this.#flights.values()].map(({ progress }) => progress);
  }

  /** Resolves when flights of `hash` that have landed have ended, whatever became of them. */
  async ended(hash: string): Promise<void> {
    const landed = [...this.#flights.values()].filter((one) => one.hasLanded && one.hash === hash);
    await Promise.allSettled(landed.map(({ promise }) => promise));
  }

  /**
   * Joins the flight called `id`, or begins it with `fly` once those of the same `hash` have ended.
   * `isOwn` tells who began it.
   */
  async join(
    flight: { readonly id: string; readonly hash: string; readonly key: string },
    waiter: { readonly signal?: AbortSignal | undefined } & Waiting,
    fly: (controls: FlightControls<Outcome>) => Promise<Outcome>,
  ): Promise<{ readonly outcome: Outcome; readonly isOwn: boolean }> {
    waiter.signal?.throwIfAborted();
    const known = this.#flights.get(flight.id);
    const joined = known ?? this.#begin(flight, fly);
    joined.waiting.add(waiter);
    waiter.onProgress?.(joined.progress);
    try {
      const awaited = waiter.isEarly ? joined.landed.promise : joined.promise;
      const outcome = await unlessAborted(awaited, waiter.signal);
      return { outcome, isOwn: known === undefined };
    } finally {
      joined.waiting.delete(waiter);
      if (joined.waiting.size === 0 && !joined.hasLanded)
        joined.aborter.abort(new Error('nobody waits for it any more'));
    }
  }

  /** Breaks all off; resolves when they have ended. */
  async close(reason: unknown): Promise<void> {
    const flights = [...this.#flights.values()];
    for (const { aborter } of flights) aborter.abort(reason);
    await Promise.allSettled(flights.map(({ promise }) => promise));
  }

  #begin(
    { id, hash, key }: { readonly id: string; readonly hash: string; readonly key: string },
    fly: (controls: FlightControls<Outcome>) => Promise<Outcome>,
  ): Flight<Outcome> {
    const aborter = new AbortController();
    const { signal } = aborter;
    const onProgress = (bytes: number, totalBytes: number | null) => {
      this.#tell(flight, { key, bytes, totalBytes });
    };
    const landed = Promise.withResolvers<Outcome>();
    landed.promise.catch(() => {}); // told to whoever waits
    const land = (outcome: Outcome) => {
      flight.hasLanded = true;
      this.#tell(flight, flight.progress, true);
      landed.resolve(outcome);
    };
    const isWaitedForEarly = () => [...flight.waiting].some(({ isEarly }) => isEarly);
    const before = this.#last.get(hash) ?? Promise.resolve();
    const promise = before
      .then(() => {
        signal.throwIfAborted();
        return fly({ signal, onProgress, isWaitedForEarly, land });
      })
      .finally(() => {
        this.#forget(id, flight);
        if (this.#last.get(hash) === settled) this.#last.delete(hash);
        this.#tell(flight, flight.progress, true);
      });
    const settled = promise.then(landed.resolve, landed.reject);
    this.#last.set(hash, settled);
    const progress = { key, bytes: 0, totalBytes: null };
    const flight: Flight<Outcome> = {
      promise,
      landed,
      hasLanded: false,
      hash,
      aborter,
      waiting: new Set(),
      progress,
      toldAtMs: Number.NEGATIVE_INFINITY,
    };
    this.#flights.set(id, flight);
    // One that was broken off is of no use to those who come now.
    signal.addEventListener('abort', () => this.#forget(id, flight), { once: true });
    return flight;
  }

  #forget(id: string, flight: Flight<Outcome>): void {
    if (this.#flights.get(id) === flight) this.#flights.delete(id);
  }

  #tell(flight: Flight<Outcome>, progress: Progress, isLast = false): void {
    const isRestart = progress.bytes < flight.progress.bytes;
    flight.progress = progress;
    const nowMs = this.#monotonic();
    if (!isLast && !isRestart && nowMs - flight.toldAtMs < TELL_MS) return;
    flight.toldAtMs = nowMs;
    for (const { onProgress } of flight.waiting) onProgress?.(progress);
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
