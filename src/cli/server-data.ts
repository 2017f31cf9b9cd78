/** The datastore of a server, asked over its HTTP API. */
import { WindrowError } from '#base';
import type { EntryView, Verified } from '#datastore';
import type { ApiClient } from '#wire';
import type { DataDesk, FetchedEntry } from './data-desk.ts';
import { cliErrors } from './errors.ts';

const PAGE = 10_000;

/** Every call ends with the client's own signal, but for those that have one in their wish. */
export function serverData(client: ApiClient): DataDesk {
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
    find: (key) => orNull(client.call('getDataEntry', { query: { key: plainKey(key) } })),
    usage: () => client.call('getDataUsage', {}),
    fetch: (request) => fetchThere(client, request),
    async put(source, { key, digests, bytes, signal }) {
      const query = { key: plainKey(key), sha256: digests?.sha256, bytes };
      return client.call('putData', { query, body: source, signal });
    },
    async read(key, use) {
      const query = { key: plainKey(key) };
      const entry = await orNull<EntryView>(client.call('getDataEntry', { query }));
      const answer = entry && (await orNull(client.call('readData', { query })));
      if (!entry || !answer) return null;
      try {
        return await use(answer.stream, entry);
      } finally {
        answer.stream.destroy();
      }
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
  const { errorOfProblem } = await import('#wire');
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
