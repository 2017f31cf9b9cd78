/**
 * The worker beside `windrow run`. One that ends by itself, because it was killed or because an
 * earlier run had asked it to end, is followed by another; only when they end as soon as they are
 * started is something wrong that a user must hear of.
 */
import { type LocalWorker, unexpectedEnd } from '#pilots';

export interface WorkerKeeping {
  start(): Promise<LocalWorker>;
  /** Milliseconds that only go forward. */
  monotonic(): number;
  onRestart(why: Error): void;
  /** No worker can be kept alive; called once. */
  onFault(error: unknown): void;
}

/** A worker that lived shorter counts as one that could not start. */
const SHORT_LIFE_MS = 5000;
const MOST_SHORT_LIVES = 5;

export class KeptWorker {
  readonly #keeping: WorkerKeeping;
  #worker: LocalWorker;
  #starting: Promise<void> = Promise.resolve();
  #isWanted = true;
  #shortLives = 0;

  private constructor(keeping: WorkerKeeping, worker: LocalWorker) {
    this.#keeping = keeping;
    this.#worker = worker;
    this.#watch();
  }

  /** @throws WindrowError PILOT_WORKER_NOT_STARTED */
  static async start(keeping: WorkerKeeping): Promise<KeptWorker> {
    return new KeptWorker(keeping, await keeping.start());
  }

  /** From now on its end is no surprise. */
  letGo(): void {
    this.#isWanted = false;
  }

  /** Lets it go, and resolves with the last one. */
  async release(): Promise<LocalWorker> {
    this.letGo();
    await this.#starting;
    return this.#worker;
  }

  #watch(): void {
    const worker = this.#worker;
    const startedMs = this.#keeping.monotonic();
    void worker.ended.then((end) => {
      if (!this.#isWanted) return;
      const isShort = this.#keeping.monotonic() - startedMs < SHORT_LIFE_MS;
      this.#shortLives = isShort ? this.#shortLives + 1 : 0;
      const why = unexpectedEnd(end, worker.logPath);
      if (this.#shortLives >= MOST_SHORT_LIVES) return this.#keeping.onFault(why);
      this.#keeping.onRestart(why);
      this.#starting = this.#startNext();
    });
  }

  async #startNext(): Promise<void> {
    try {
      this.#worker = await this.#keeping.start();
      this.#watch();
    } catch (error) {
      this.#keeping.onFault(error);
    }
  }
}
