/** Figures of the server's datastore, for `/metrics`. */
import type { Clock } from '#base';
import type { Datastore, StoreCounts, Usage } from '#datastore';

/** Counting what is there goes through all of it. */
const USAGE_KEPT_MS = 15_000;

export type DataFigures = StoreCounts & Pick<Usage, 'entries' | 'bytes' | 'pinned'>;

/** A function that looks at the store; null where there is none. */
export function dataWatch(
  store: Datastore | null,
  clock: Clock,
): () => Promise<DataFigures | null> {
  let usage: Promise<Usage> | null = null;
  let lookedMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (store === null) return null;
    const nowMs = clock.monotonic();
    if (usage === null || nowMs - lookedMs > USAGE_KEPT_MS) {
      lookedMs = nowMs;
      usage = store.usage();
      usage.catch(() => {
        usage = null;
      });
    }
    const { entries, bytes, pinned } = await usage;
    return { ...store.counts(), entries, bytes, pinned };
  };
}
