/** The server's datastore, for those who look after it. */
import { WindrowError } from '#base';
import type { Datastore, EnsureRequest, Held } from '#datastore';
import {
  type ApiHandlers,
  type DataArrival,
  type DataFetch,
  type DataVerdict,
  problemOf,
} from '#wire';
import { serverErrors } from '../errors.ts';
import type { ApiParts } from './parts.ts';
import { Snapshots } from './snapshots.ts';
import { toldLines } from './told-lines.ts';

type DataHandlers = Pick<
  ApiHandlers,
  | 'listData'
  | 'getDataUsage'
  | 'getDataEntry'
  | 'removeDataEntry'
  | 'readData'
  | 'putData'
  | 'pinData'
  | 'unpinData'
  | 'fetchData'
  | 'purgeData'
  | 'verifyData'
>;

const PAGE = 100;
/** Transfers of one request at the same time; the store limits what comes from one origin. */
const AT_ONCE = 4;
/** Entries between two lines that say how far it is. */
const TOLD_ENTRIES = 1000;

export function dataHandlers({ datastore, core }: ApiParts): DataHandlers {
  const snapshots = new Snapshots(core.clock);
  const found = (): Datastore => {
    if (datastore === null) throw serverErrors.create('DATA_OFF');
    return datastore;
  };
  return {
    async listData({ query }) {
      const { cursor, limit = PAGE } = query;
      if (cursor !== undefined) return pageView(snapshots.goOn(cursor, limit));
      const snapshot = await found().snapshot({
        sort: query.sort ?? 'key',
        descending: query.order === 'descending',
        containing: query.containing ?? '',
        pinnedOnly: query.pinned === 'yes',
      });
      return pageView(snapshots.begin(snapshot, limit));
    },

    async getDataUsage() {
      const store = found();
      const { directory } = store;
      return { directory, ...(await store.usage()), counts: store.counts() };
    },

    async getDataEntry({ query }) {
      const store = found();
      const view = await (query.md5 === 'yes' ? store.inspect(query.key) : store.find(query.key));
      if (view === null) throw serverErrors.create('ENTRY_NOT_HERE', { key: query.key });
      return { ...view, pins: [...view.pins] };
    },

    async removeDataEntry({ query }) {
      if (await found().remove(query.key)) return undefined;
      throw serverErrors.create('ENTRY_NOT_HERE', { key: query.key });
    },

    async readData({ query }) {
      const store = found();
      const held = await store.hold(query.key);
      if (held === null) throw serverErrors.create('ENTRY_NOT_HERE', { key: query.key });
      return {
        bytes: held.bytes,
        etag: `"${held.sha256}"`,
        read: (range) => store.open(held, range),
        done: () => void held.release(),
      };
    },

    async putData({ query, body }, { signal }) {
      const { key, sha256, bytes, type } = query;
      return found().put(body, {
        key,
        signal,
        ...(sha256 === undefined ? {} : { digests: { sha256 } }),
        ...(bytes === undefined ? {} : { bytes }),
        ...(type === undefined ? {} : { mediaType: type }),
      });
    },

    async pinData({ body }) {
      return found().pin(body.key, body.pin);
    },

    async unpinData({ query }) {
      return { unpinned: await found().unpin(query.pin, query.key) };
    },

    async fetchData({ body }, { signal }) {
      const store = found();
      return toldLines<DataArrival>((tell, ended) => fetchAll(store, body, tell, ended), signal);
    },

    async purgeData({ body }) {
      const { unusedMs, toBytes } = body;
      return found().age({
        ...(unusedMs === undefined ? {} : { unusedSinceMs: core.clock.now() - unusedMs }),
        ...(toBytes === undefined ? {} : { toBytes }),
      });
    },

    async verifyData({ body }, { signal }) {
      const store = found();
      return toldLines<DataVerdict>((tell, ended) => verify(store, body, tell, ended), signal);
    },
  };
}

function pageView({ snapshot, entries, next }: ReturnType<Snapshots['begin']>) {
  const { atMs, matching, matchingBytes } = snapshot;
  return { atMs, matching, matchingBytes, entries, next };
}

type Tell<Line> = (line: Line) => Promise<void>;

async function fetchAll(
  store: Datastore,
  wish: DataFetch,
  tell: Tell<DataArrival>,
  signal: AbortSignal,
): Promise<void> {
  const { keys, mode, sha256, digestBeside, stale, pin } = wish;
  const how = {
    mode,
    signal,
    hasDigestBeside: digestBeside,
    staleAllowed: stale,
    ...(sha256 === undefined ? {} : { digests: { sha256 } }),
    ...(pin === undefined ? {} : { pin }),
  };
  const queue = [...keys];
  const work = async () => {
    for (let key = queue.shift(); key !== undefined; key = queue.shift()) {
      await fetchOne(store, { ...how, key }, tell);
      signal.throwIfAborted();
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, keys.length) }, work));
}

async function fetchOne(
  store: Datastore,
  request: EnsureRequest,
  tell: Tell<DataArrival>,
): Promise<void> {
  let held: Held | null = null;
  try {
    held = await store.ensure({
      ...request,
      onProgress: (progress) => void tell({ kind: 'progress', ...progress }).catch(() => {}),
    });
    const view = await store.find(request.key);
    const { key, bytes, sha256, way } = held;
    await tell({ kind: 'fetched', key, path: view?.path ?? null, bytes, sha256, way });
  } catch (error) {
    if (request.signal?.aborted || !(error instanceof WindrowError)) throw error;
    const key = String(error.facts.key ?? '');
    await tell({ kind: 'failed', key, problem: plainProblem(error) });
  } finally {
    await held?.release();
  }
}

/** A fact that is not given is null in JSON. */
function plainProblem(error: WindrowError) {
  const { facts, ...problem } = problemOf(error);
  const plain = Object.entries(facts).map(([name, fact]) => [name, fact ?? null] as const);
  return { ...problem, facts: Object.fromEntries(plain) };
}

async function verify(
  store: Datastore,
  wish: { readonly keys?: readonly string[] | undefined; readonly share?: number | undefined },
  tell: Tell<DataVerdict>,
  signal: AbortSignal,
): Promise<void> {
  let entries = 0;
  const verified = await store.verify({
    signal,
    ...(wish.keys === undefined ? {} : { keys: wish.keys }),
    ...(wish.share === undefined ? {} : { share: wish.share }),
    async onEntry(key, verdict) {
      entries++;
      if (verdict !== 'good') await tell({ kind: 'entry', key, verdict });
      else if (entries % TOLD_ENTRIES === 0) await tell({ kind: 'progress', entries });
    },
  });
  await tell({ kind: 'end', ...verified });
}
