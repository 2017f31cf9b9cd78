/** The datastore of a server, asked over its HTTP API. */
import { createReadStream } from 'node:fs';
import { pause, WindrowError } from '#base';
import type { EntryView, Verified } from '#datastore';
import { type ApiClient, digestFile, errorOfProblem, RESUMABLE_BYTES } from '#wire';
import type { DataDesk, FetchedEntry, PutWish } from './data-desk.ts';
import { cliErrors } from './errors.ts';

const PAGE = 10_000;

/**
 * Every call ends with the client's own signal, but for those that have one in their wish. `memory`:
 * where it is remembered which uploads were begun.
 */
export function serverData(client: ApiClient, memory: string): DataDesk {
  return {
    async *list({ sort, descending, containing, pinnedOnly }, limit) {
      const asked = {
        sort,
        order: descending ? ('descending' as const) : ('ascending' as const),
        ...(containing === '' ? {} : { containing }),
        ...(pinnedOnly ? { pinned: 'yes' as const } : {}),
      };
      let left = limit;
      let cursor: string | undefined;
      do {
        const query = { ...asked, limit: Math.min(PAGE, left), cursor };
        const { entries, next } = await client.call('listData', { query });
        yield entries;
        left -= entries.length;
        cursor = next ?? undefined;
      } while (cursor !== undefined && left > 0);
    },
    find(key) {
      const query = { key: plainKey(key), md5: 'yes' as const };
      return orNull(client.call('getDataEntry', { query }));
    },
    usage: () => client.call('getDataUsage', {}),
    fetch: (request) => fetchThere(client, request),
    async put(source, wish) {
      const { key, digests, bytes = 0, signal } = wish;
      const isLarge = typeof source === 'string' && bytes >= RESUMABLE_BYTES;
      if (isLarge) return putLarge(client, source, wish, memory);
      const query = { key: plainKey(key), sha256: digests?.sha256, bytes: wish.bytes };
      const body = typeof source === 'string' ? createReadStream(source) : source;
      return client.call('putData', { query, body, signal });
    },
    async read(key, use) {
      const query = { key: plainKey(key) };
      const entry = await orNull<EntryView>(client.call('getDataEntry', { query }));
      if (!entry) return null;
      const { sha256, bytes } = entry;
      const open = (fromByte: number) => contentOf(client, entry, fromByte);
      return use({ sha256, bytes, open });
    },
    pin: (key, pin) => client.call('pinData', { body: { key, pin } }),
    async unpin(pin, key) {
      const query = { pin, ...(key === undefined ? {} : { key: plainKey(key) }) };
      return (await client.call('unpinData', { query })).unpinned;
    },
    async remove(key) {
      const removed = client.call('removeDataEntry', { query: { key: plainKey(key) } });
      return (await orNull(removed.then(() => true))) !== null;
    },
    purge: (wish) => client.call('purgeData', { body: wish }),
    verify: (wish) => verifyThere(client, wish),
  };
}

/** Sent in pieces, so that it goes on where the connection broke, also with the next run. */
async function putLarge(
  client: ApiClient,
  path: string,
  { key, digests, signal, onProgress }: PutWish,
  memory: string,
): Promise<EntryView> {
  const found = await digestFile(path);
  const expected = digests?.sha256?.toLowerCase() ?? found.sha256;
  if (found.sha256 !== expected) {
    const reason = `its SHA-256 is ${found.sha256}, not ${expected}`;
    throw cliErrors.create('DATA_FILE_FAILED', { path, reason });
  }
  const plain = plainKey(key);
  await client.sendData(path, found, plain, { memory, signal, onProgress });
  return client.call('getDataEntry', { query: { key: plain }, signal });
}

/** The next wait before it is tried again; half a minute in all. What comes meanwhile begins them anew. */
const WAITS_MS = [0, 500, 1000, 2000, 4000, 8000, 15_000];
const BROKEN = new Set([
  'SERVER_UNREACHABLE',
  'SERVER_CONNECTION_LOST',
  'SERVER_SILENT',
  'SERVER_STOPPING',
]);

/** To the end, in however many pieces; of one version, or DATA_REPLACED. */
async function* contentOf(
  client: ApiClient,
  { key, sha256, bytes }: EntryView,
  fromByte: number,
): AsyncGenerator<Uint8Array> {
  let at = fromByte;
  for (let failures = 0; at < bytes; ) {
    try {
      const piece = await client.openData(key, sha256, at);
      if (piece.fromByte !== at || piece.totalBytes !== bytes) {
        throw cliErrors.create('DATA_REPLACED', { key });
      }
      for await (const block of piece.body) {
        at += block.length;
        failures = 0;
        yield block;
      }
    } catch (error) {
      const isBroken = error instanceof WindrowError && BROKEN.has(error.code);
      const waitMs = WAITS_MS[failures++];
      if (!isBroken || waitMs === undefined) throw error;
      await pause(waitMs, client.signal);
    }
  }
}

async function fetchThere(
  client: ApiClient,
  request: Parameters<DataDesk['fetch']>[0],
): Promise<FetchedEntry> {
  const { key, mode, digests, hasDigestBeside, staleAllowed, pin, signal, onProgress } = request;
  const body = {
    keys: [key],
    mode,
    digestBeside: hasDigestBeside ?? false,
    stale: staleAllowed ?? false,
    ...(digests?.sha256 === undefined ? {} : { sha256: digests.sha256.toLowerCase() }),
    ...(pin === undefined ? {} : { pin }),
  };
  for await (const line of await client.call('fetchData', { body, signal })) {
    if (line.kind === 'progress') onProgress?.(line);
    else if (line.kind === 'fetched') return line;
    else throw errorOfProblem(line.problem, line.problem.status) ?? cutOff(client);
  }
  throw cutOff(client);
}

async function verifyThere(
  client: ApiClient,
  { keys, share, signal, onBad }: Parameters<DataDesk['verify']>[0],
): Promise<Verified> {
  const body = {
    ...(keys.length === 0 ? {} : { keys: [...keys] }),
    ...(share === undefined ? {} : { share }),
  };
  for await (const line of await client.call('verifyData', { body, signal })) {
    if (line.kind === 'entry') onBad(line.key, line.verdict);
    else if (line.kind === 'end') return line;
  }
  throw cutOff(client);
}

function cutOff({ url }: ApiClient): WindrowError {
  return cliErrors.create('DATA_ANSWER_CUT', { url });
}

async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof WindrowError && error.code === 'ENTRY_NOT_HERE') return null;
    throw error;
  }
}

/** Without a login: addresses of requests may be written down on their way. */
function plainKey(key: string): string {
  return key.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1');
}
