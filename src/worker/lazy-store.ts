/** A store that is opened when it is needed: every start of a worker is felt, and many need none. */
import type { Datastore, StoreCounts } from '#datastore';

/** What a worker asks of its datastore. */
export type WorkerStore = Pick<Datastore, 'ensure' | 'hold' | 'verify' | 'remove' | 'close'> & {
  /** Null: it is not open yet. */
  counts(): StoreCounts | null;
};

/** Opening that failed is tried again with the next call. */
export function lazyStore(open: () => Promise<WorkerStore>): WorkerStore {
  let opening: Promise<WorkerStore> | null = null;
  let opened: WorkerStore | null = null;
  const store = (): Promise<WorkerStore> => {
    opening ??= open().then(
      (one) => {
        opened = one;
        return one;
      },
      (error: unknown) => {
        opening = null;
        throw error;
      },
    );
    return opening;
  };
  return {
    ensure: async (request) => (await store()).ensure(request),
    hold: async (key, owner) => (await store()).hold(key, owner),
    verify: async (wish) => (await store()).verify(wish),
    counts: () => opened?.counts() ?? null,
    remove: async (key, owner) => (await store()).remove(key, owner),
    close: async () => (await opening?.catch(() => null))?.close(),
  };
}
