/**
 * Keeps what changes in the collector, if it has a history, in groups: while one is being written
 * the next gathers. A disk that is full or gone does not stop the collector; what it could not keep
 * waits, bounded, and whoever reported it is told that it is not kept.
 */
import { messageOf } from '#base';
import type { RememberedTraps, TrapChange, TrapRecord } from '#model';
import type { Collector } from './collector/collector.ts';

/** Durable memory, as the collector needs it. */
export interface TrapHistory {
  remembered(): Promise<RememberedTraps>;
  /** Resolved means durable. */
  write(changes: readonly TrapChange[]): Promise<void>;
  /** Newest first. */
  latest(most: number): Promise<TrapRecord[]>;
  close(): Promise<void>;
}

const RETRY_MS = 1000;
/** Changes that nobody waits for are kept this long after they happened, at the latest. */
const LAZY_MS = 250;

export class Keeping {
  readonly #collector: Collector;
  readonly #history: TrapHistory | null;
  readonly #onTrouble: (why: string | null) => void;
  readonly #cursors = new Map<string, string>();
  #pending: TrapChange[] = [];
  #writing: Promise<boolean> | null = null;
  #next: Promise<boolean> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #retryAtMs = 0;
  #trouble: string | null = null;

  /** @param onTrouble hears why nothing can be kept, and null when it can again */
  constructor(
    collector: Collector,
    history: TrapHistory | null,
    onTrouble: (why: string | null) => void,
  ) {
    this.#collector = collector;
    this.#history = history;
    this.#onTrouble = onTrouble;
  }

  /** How far a source has come, to be kept with the next changes. */
  setCursor(name: string, text: string): void {
    if (this.#history) this.#cursors.set(name, text);
  }

  /** Something may have changed that nobody waits for. */
  touch(): void {
    if (!this.#history || !this.#hasSomething) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.durable();
    }, LAZY_MS);
  }

  get #hasSomething(): boolean {
    return this.#collector.hasChanges || this.#cursors.size > 0 || this.#pending.length > 0;
  }

  /** Resolves with whether everything so far is on disk; with true where nothing is to be kept. */
  durable(): Promise<boolean> {
    if (!this.#history || (!this.#hasSomething && this.#writing === null)) {
      return Promise.resolve(true);
    }
    if (this.#writing === null) {
      this.#writing = this.#write().finally(() => {
        this.#writing = null;
      });
      return this.#writing;
    }
    // What came since the write began goes with the next one, whoever asks for it.
    this.#next ??= this.#writing.then(() => {
      this.#next = null;
      return this.durable();
    });
    return this.#next;
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#retryAtMs = 0;
    this.#collector.settleMarks();
    await this.durable();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#history?.close();
  }

  async #write(): Promise<boolean> {
    // What came in the same turn of the event loop goes with it.
    await new Promise((resolve) => setImmediate(resolve));
    this.#gather();
    if (performance.now() < this.#retryAtMs) return this.#tryLater();
    try {
      await this.#history!.write(this.#pending);
      const mark = this.#pending.findLast((change) => change.kind === 'mark');
      if (mark?.kind === 'mark') this.#collector.marksAreKept(mark.mark);
      this.#pending = [];
      this.#say(null);
      this.touch();
      return true;
    } catch (error) {
      this.#retryAtMs = performance.now() + RETRY_MS;
      this.#say(messageOf(error));
      return this.#tryLater();
    }
  }

  #tryLater(): boolean {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.durable();
    }, RETRY_MS);
    return false;
  }

  /** What could not be written goes first; until then the collector gathers, bounded. */
  #gather(): void {
    if (this.#pending.length > 0) return;
    this.#pending = this.#collector.takeChanges();
    for (const [name, text] of this.#cursors) this.#pending.push({ kind: 'cursor', name, text });
    this.#cursors.clear();
  }

  #say(trouble: string | null): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#onTrouble(trouble);
  }
}
