/** Those who watch: what happened is told once it is durable, progress at most twice a second. */
import type { JobId } from '#model';
import type { ApiEvent } from '#wire';
import type { Happening } from './core.ts';

const PROGRESS_MS = 500;
/** Events that somebody who reconnects can still have. */
const KEPT = 1000;
/** More than a server tells of in its whole life, in the mean; ids stay below 2^53. */
const IDS_PER_MS = 1000;
/** A watcher that reads more slowly than this is behind for good, and is cut off. */
const QUEUED_MOST = 10_000;

/** Events get theirs in the order in which they are told. */
const NO_ID = 0;

/** Turns a happening into what watchers see; null when it is not worth telling any more. */
export type Describe = (what: Happening, id: number) => ApiEvent | null;

interface Watcher {
  readonly queue: ApiEvent[];
  readonly wish: WatchWish;
  wake: () => void;
}

export interface WatchWish {
  /** Null: of all jobs. */
  readonly job: JobId | null;
  /** Kinds of events; null: all. */
  readonly kinds: ReadonlySet<string> | null;
  /** From the next after this event on, as far as it is still known. Null: from now on. */
  readonly after: number | null;
}

function hearsOf({ kinds }: WatchWish, kind: ApiEvent['kind']): boolean {
  return kinds === null || kinds.has(kind);
}

function wants(wish: WatchWish, event: ApiEvent): boolean {
  const isOfJob = wish.job === null || !('job' in event) || event.job === wish.job;
  return isOfJob && hearsOf(wish, event.kind);
}

export class Events {
  readonly #describe: Describe;
  readonly #durable: () => Promise<void>;
  readonly #watchers = new Set<Watcher>();
  readonly #kept: ApiEvent[] = [];
  readonly #progress = new Set<JobId>();
  #timer: NodeJS.Timeout | undefined;
  #id: number;
  #closed = false;

  /**
   * @param bornAtMs ids begin here and grow by one: an id of an earlier life is before all of this
   *   one, so whoever comes back with it misses nothing that is kept
   */
  constructor(describe: Describe, durable: () => Promise<void>, bornAtMs: number) {
    this.#describe = describe;
    this.#durable = durable;
    this.#id = bornAtMs * IDS_PER_MS;
  }

  happened(what: Happening): void {
    if (what.kind !== 'progress') return void this.#tell(what);
    this.#progress.add(what.job);
    this.#tellProgressSoon();
  }

  #tellProgressSoon(): void {
    this.#timer ??= setTimeout(() => this.#tellProgress(), PROGRESS_MS).unref();
  }

  async #tell(what: Happening): Promise<void> {
    // When all that belongs to it has happened; by the time that it is durable more may have.
    await Promise.resolve();
    const event = this.#describe(what, NO_ID);
    try {
      await this.#durable();
    } catch {
      // The store is lost and the server is ending: what is not durable did not happen.
      return;
    }
    // How fast it was is told before that it is over.
    if (what.kind === 'job' && this.#progress.delete(what.job)) this.#sendProgress(what.job);
    this.#send(event);
  }

  /** Where nobody wants to hear it, it is told to who comes next. */
  #tellProgress(): void {
    this.#timer = undefined;
    if (!this.#watchers.values().some(({ wish }) => hearsOf(wish, 'progress'))) return;
    for (const job of this.#progress) this.#sendProgress(job);
    this.#progress.clear();
  }

  #sendProgress(job: JobId): void {
    this.#send(this.#describe({ kind: 'progress', job }, NO_ID));
  }

  #send(told: ApiEvent | null): void {
    if (!told) return;
    const event = { ...told, id: ++this.#id };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const watcher of this.#watchers) {
      if (!wants(watcher.wish, event)) continue;
      watcher.queue.push(event);
      if (watcher.queue.length > QUEUED_MOST) this.#watchers.delete(watcher);
      watcher.wake();
    }
  }

  /**
   * What happens. Ends when `signal` is aborted, when the watcher reads too slowly, or when the server
   * ends.
   */
  watch(wish: WatchWish, signal: AbortSignal): AsyncGenerator<ApiEvent> {
    const after = wish.after ?? Number.POSITIVE_INFINITY;
    const queue = this.#kept.filter((event) => event.id > after && wants(wish, event));
    const watcher: Watcher = { queue, wish, wake: () => undefined };
    this.#watchers.add(watcher);
    if (hearsOf(wish, 'progress') && this.#progress.size > 0) this.#tellProgressSoon();
    return this.#tellWatcher(watcher, signal);
  }

  async *#tellWatcher(watcher: Watcher, signal: AbortSignal): AsyncGenerator<ApiEvent> {
    const onAbort = (): void => watcher.wake();
    signal.addEventListener('abort', onAbort);
    try {
      while (!this.#closed && !signal.aborted && this.#watchers.has(watcher)) {
        for (const event of watcher.queue.splice(0)) yield event;
        if (watcher.queue.length > 0 || signal.aborted || this.#closed) continue;
        await new Promise<void>((resolve) => {
          watcher.wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#watchers.delete(watcher);
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.wake();
  }
}
