import { messageOf, WindrowError } from '#base';
import type { Change, Store } from '#store';

const RETRY_MS = 500;
const DISK_FULL = new Set(['STATE_DISK_FULL', 'RESULTS_DISK_FULL']);

/** What joins a commit at the last moment. */
export interface Latecomers {
  /** States that were touched, as they are now. */
  readonly changes: readonly Change[];
  /** Resolves when the results that the commit points at are durable. */
  readonly synced: Promise<void>;
}

export type BeforeCommit = () => Latecomers;

/**
 * Group commit: changes of many requests go into one transaction, and nobody is answered before it
 * is durable. Memory is ahead of the disk only while a commit is under way; when the disk is full
 * the same changes are tried again until they fit, and meanwhile nothing is acknowledged.
 */
export class GroupCommit {
  readonly #store: Store;
  readonly #before: BeforeCommit;
  readonly #onFatal: (error: unknown) => void;
  #changes: Change[] = [];
  #waiters: (() => void)[] = [];
  readonly #readers = new Set<() => void>();
  #running = false;
  #scheduled = false;
  #stalled: string | null = null;
  #dead: unknown = null;
  #isEnding = false;

  constructor(store: Store, before: BeforeCommit, onFatal: (error: unknown) => void) {
    this.#store = store;
    this.#before = before;
    this.#onFatal = onFatal;
  }

  /** Why nothing becomes durable at present, or null. */
  get stalled(): string | null {
    return this.#stalled;
  }

  add(change: Change): void {
    this.#changes.push(change);
    this.#schedule();
  }

  /** Something that `before` will bring has changed. */
  touch(): void {
    this.#schedule();
  }

  /** Resolves when everything so far is on disk; rejects when the store is lost for good. */
  durable(): Promise<void> {
    if (this.#dead) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#waiters.push(() => (this.#dead ? reject(this.#dead) : resolve()));
      this.#schedule();
    });
  }

  /**
   * For those who only look: resolves when everything so far is on disk, and also when the disk is
   * full, since then what is on disk is what there is. Rejects like `durable`.
   */
  readable(): Promise<void> {
    if (this.#stalled !== null) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#readers.add(resolve);
      this.durable()
        .then(resolve, reject)
        .finally(() => this.#readers.delete(resolve));
    });
  }

  /** From now on a full disk is not waited for: what does not fit was never acknowledged. */
  end(): void {
    this.#isEnding = true;
  }

  #schedule(): void {
    if (this.#running || this.#scheduled || this.#dead) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    const changes = this.#changes;
    const waiters = this.#waiters;
    this.#changes = [];
    this.#waiters = [];
    await this.#write(changes);
    this.#running = false;
    // Nothing is written any more after a fatal error: those who came meanwhile must hear of it too.
    if (this.#dead) waiters.push(...this.#waiters.splice(0));
    for (const done of waiters) done();
    if (this.#changes.length > 0 || this.#waiters.length > 0) this.#schedule();
  }

  /**
   * Results are synced before the rows that point at them; what comes while either is under way is
   * for the next commit. What came while the disk was full joins
   * the next try: `before` brings the states as they are now, and they must not be durable without
   * the ends of attempts that they rest on.
   */
  async #write(changes: Change[]): Promise<void> {
    for (;;) {
      try {
        const late = this.#before();
        changes.push(...this.#changes.splice(0), ...late.changes);
        await late.synced;
        await this.#store.commit(changes);
        this.#stalled = null;
        return;
      } catch (error) {
        if (!(error instanceof WindrowError && DISK_FULL.has(error.code))) {
          this.#dead = error;
          this.#onFatal(error);
          return;
        }
        if (this.#isEnding) {
          this.#dead = error;
          return;
        }
        this.#stalled = messageOf(error);
        for (const read of this.#readers) read();
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
