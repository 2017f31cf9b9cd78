/** What the server is to know of this machine's store: what it did, and what it found damaged. */
import type { StoreCounts, StoreEvent } from '#datastore';
import type { DamageNews, StoreReport } from '#wire';

/** Kept until the server knows of them; a disk that loses more loses all. */
const MOST = 20;
const MOST_CHARACTERS = 1000;

export class StoreNews {
  readonly #counts: () => StoreCounts | null;
  #damages: DamageNews[] = [];
  #number = 0;

  constructor(counts: () => StoreCounts | null) {
    this.#counts = counts;
  }

  /** True when there is something to tell. */
  note(event: StoreEvent): boolean {
    if (event.kind !== 'corrupt' && event.kind !== 'garbage') return false;
    const key = event.kind === 'corrupt' ? event.key : event.path;
    const news = { number: ++this.#number, key: cut(key), reason: cut(event.reason) };
    this.#damages = [...this.#damages, news].slice(-MOST);
    return true;
  }

  /** Null: the store was not used yet. */
  report(): StoreReport | null {
    const counts = this.#counts();
    if (counts === null) return null;
    const { hits, misses, fetchedBytes, damaged } = counts;
    return { hits, misses, fetchedBytes, damaged, damages: this.#damages };
  }

  /** What a report carried is known to the server. */
  confirm(report: StoreReport | null): void {
    const last = report?.damages.at(-1)?.number ?? 0;
    this.#damages = this.#damages.filter(({ number }) => number > last);
  }
}

function cut(text: string): string {
  return text.slice(0, MOST_CHARACTERS);
}
