/**
 * What the server wants this worker to hold ready, and what it is told of that. Each new list is
 * answered for all that is in it; what changes afterwards is told as it happens.
 *
 *   wished ──lies here──▶ here            absent ──wished with `fetch`──▶ fetching
 *      └──does not──▶ absent              fetching ──came──▶ here, ──failed──▶ tried
 */
import { messageOf } from '#base';
import type { StoreCounts, StoreEvent } from '#datastore';
import type { DataNews, DataWish, SyncRequest, SyncResponse } from '#wire';
import type { AgentLog } from './port.ts';
import type { Stock } from './stock.ts';
import { StoreNews } from './store-news.ts';

/** Files got at the same time; the datastore limits what comes from one origin. */
const AT_ONCE = 4;

export interface DataWishesOptions {
  readonly stock: Pick<Stock, 'look' | 'ensure' | 'wish'>;
  /** Of the store; null while it was not used. */
  readonly counts: () => StoreCounts | null;
  /** There is something to tell. */
  readonly onNews: () => void;
  /** Aborted when the worker ends. */
  readonly lifetime: AbortSignal;
  readonly log: AgentLog;
}

type Told = Pick<SyncRequest, 'dataVersion' | 'data' | 'store'>;

export class DataWishes {
  readonly #options: DataWishesOptions;
  /** To be told, by blob; repeated until a sync that carried it was answered. */
  readonly #news = new Map<string, DataNews['state']>();
  readonly #store: StoreNews;
  #version = '';
  #wishes = new Map<string, DataWish>();
  #queue: DataWish[] = [];
  #running = new Set<Promise<void>>();

  constructor(options: DataWishesOptions) {
    this.#options = options;
    this.#store = new StoreNews(options.counts);
  }

  /** For the next sync. */
  told(): Told {
    const data = [...this.#news].map(([blob, state]) => ({ blob, state }));
    return { dataVersion: this.#version, data, store: this.#store.report() };
  }

  /** What a sync carried is known to the server. */
  confirm({ data, store }: Told): void {
    for (const { blob, state } of data) if (this.#news.get(blob) === state) this.#news.delete(blob);
    this.#store.confirm(store);
  }

  /** Something happened in the store. */
  note(event: StoreEvent): void {
    if (this.#store.note(event)) this.#options.onNews();
  }

  take(data: SyncResponse['data']): void {
    if (data === null || data.version === this.#version) return;
    this.#version = data.version;
    this.#wishes = new Map(data.wishes.map((wish) => [wish.blob, wish]));
    this.#options.stock.wish(new Set(this.#wishes.keys()));
    for (const blob of this.#news.keys()) if (!this.#wishes.has(blob)) this.#news.delete(blob);
    // Those of which the server knows least first.
    this.#queue = [...data.wishes].sort((a, b) => Number(a.fetch) - Number(b.fetch));
    while (this.#running.size < AT_ONCE && this.#queue.length > 0) this.#startLane();
  }

  /** Resolves when nothing of it runs any more; the lifetime is to be over. */
  async close(): Promise<void> {
    this.#queue = [];
    await Promise.all(this.#running);
  }

  #startLane(): void {
    const lane = this.#work().finally(() => this.#running.delete(lane));
    this.#running.add(lane);
  }

  async #work(): Promise<void> {
    for (let wish = this.#queue.shift(); wish; wish = this.#queue.shift()) {
      const state = await this.#fulfil(wish);
      if (this.#options.lifetime.aborted) return;
      // The list may have changed meanwhile: then what is new in it has its own turn.
      if (!this.#wishes.has(wish.blob)) continue;
      this.#news.set(wish.blob, state);
      this.#options.onNews();
    }
  }

  async #fulfil({ blob, bytes, origin, fetch }: DataWish): Promise<DataNews['state']> {
    const { stock, lifetime, log } = this.#options;
    try {
      if (await stock.look(blob)) return 'here';
      if (!fetch) return 'absent';
      await stock.ensure({ sha256: blob, bytes, origin }, lifetime);
      return 'here';
    } catch (error) {
      if (!lifetime.aborted) log.warn({ blob, reason: messageOf(error) }, 'data did not come');
      return 'tried';
    }
  }
}
