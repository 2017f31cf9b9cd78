import { useId } from 'preact/hooks';
import type { DataPage, DataUsage } from '#wire';
import { useAnswer } from '../answer.ts';
import { ask } from '../ask.ts';
import { bytes, count, moment } from '../figures.ts';
import { useNow } from '../hooks.ts';
import { DATA_SHOWN } from '../limits.ts';
import { useWish, type Wish } from '../parts/confirm.tsx';
import { Facts, Nothing, Part, Shown, Table } from '../parts/small.tsx';
import { Text } from '../parts/text.tsx';
import { hashOf, type Query } from '../place.ts';

/** In whose name the page pins. */
const PIN = 'web-page';
/** Fetches of jobs are no events. */
const LOOK_MS = 10_000;

/** What can be sorted by, and what comes first. */
const SORTS = {
  lastAccess: { title: 'used last', order: 'descending' },
  bytes: { title: 'largest', order: 'descending' },
  stored: { title: 'newest', order: 'descending' },
  key: { title: 'by key', order: 'ascending' },
} as const;

type Entry = DataPage['entries'][number];

/** The files that the server keeps for its jobs. */
export function Data({ query }: { query: Query }) {
  const { containing = '', cursor = '', pinned = '' } = query;
  const sort = query.sort !== undefined && query.sort in SORTS ? query.sort : 'lastAccess';
  const { order } = SORTS[sort as keyof typeof SORTS];
  const search = new URLSearchParams({ sort, order, containing, cursor, pinned });
  const answer = useAnswer<DataPage>(`/v1/data?limit=${DATA_SHOWN}&${search}`, {
    concerns: () => false,
    everyMs: LOOK_MS,
  });
  const [setWish, asked] = useWish(answer);
  const at = (more: Query) =>
    hashOf({ view: 'data', query: { sort, containing, pinned, ...more } });
  return (
    <>
      <Usage />
      <Part title="Entries">
        <Filter sort={sort} query={query} at={at} />
        <Shown answer={answer}>
          {({ entries, matching, matchingBytes, next }) =>
            entries.length === 0 ? (
              <Nothing>No entry is like that.</Nothing>
            ) : (
              <>
                <Entries entries={entries} onWish={setWish} />
                <p class="quiet">
                  {count(matching)} entries, {bytes(matchingBytes)}
                </p>
                <nav class="pager" aria-label="Pages">
                  {cursor !== '' && <a href={at({})}>First page</a>}
                  {next !== null && <a href={at({ cursor: next })}>Next page</a>}
                </nav>
              </>
            )
          }
        </Shown>
      </Part>
      {asked}
    </>
  );
}

function Usage() {
  const answer = useAnswer<DataUsage>('/v1/data/usage', {
    concerns: () => false,
    everyMs: LOOK_MS,
  });
  return (
    <Part title="Data">
      <Shown answer={answer}>
        {({ counts, limits, ...usage }) => (
          <Facts
            of={[
              ['Entries', count(usage.entries)],
              ['Size', bytes(usage.bytes)],
              limits.mostBytes > 0 ? ['At most', bytes(limits.mostBytes)] : null,
              ['Disk free', bytes(usage.freeBytes)],
              ['Pinned', count(usage.pinned)],
              ['Hits', count(counts.hits)],
              ['Misses', count(counts.misses)],
              ['Fetched', bytes(counts.fetchedBytes)],
              ['Aged out', bytes(counts.evictedBytes)],
              counts.damaged > 0 ? ['Damaged', count(counts.damaged)] : null,
            ]}
          />
        )}
      </Shown>
    </Part>
  );
}

function Entries({ entries, onWish }: { entries: readonly Entry[]; onWish: (wish: Wish) => void }) {
  const nowMs = useNow();
  return (
    <Table
      name="Entries"
      head={[
        'Key',
        { title: 'Size', look: 'number' },
        { title: 'Used last', look: 'time' },
        { title: 'Stored', look: 'time wide' },
        'Change',
      ]}
    >
      {entries.map((entry) => (
        <tr key={entry.hash}>
          <th scope="row">
            <Text of={entry.key} /> {entry.pinned && <span class="state held">pinned</span>}
          </th>
          <td class="number">{bytes(entry.bytes)}</td>
          <td class="time">{moment(entry.lastAccessMs, nowMs)}</td>
          <td class="time wide">{moment(entry.storedAtMs, nowMs)}</td>
          <td class="actions">
            <button type="button" onClick={() => onWish(pinWish(entry))}>
              {entry.pinned ? 'Unpin' : 'Pin'}
            </button>
            <button type="button" onClick={() => onWish(removeWish(entry))}>
              Remove
            </button>
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Filter({ sort, query, at }: { sort: string; query: Query; at: (more: Query) => string }) {
  const { containing = '', pinned = '' } = query;
  const ids = { sort: useId(), find: useId(), pinned: useId() };
  const change = (more: Query): void => {
    location.hash = at(more);
  };
  return (
    <form class="filter" onSubmit={(event) => event.preventDefault()}>
      <p>
        <label for={ids.sort}>First</label>
        <select
          id={ids.sort}
          value={sort}
          onChange={(event) => change({ sort: event.currentTarget.value })}
        >
          {Object.entries(SORTS).map(([name, { title }]) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </p>
      <p class="rest">
        <label for={ids.find}>Part of a key</label>
        <input
          id={ids.find}
          type="search"
          autocomplete="off"
          value={containing}
          onChange={(event) => change({ containing: event.currentTarget.value })}
        />
      </p>
      <p>
        <input
          id={ids.pinned}
          type="checkbox"
          checked={pinned !== ''}
          onChange={(event) => change({ pinned: event.currentTarget.checked ? 'yes' : '' })}
        />{' '}
        <label class="beside" for={ids.pinned}>
          only pinned
        </label>
      </p>
    </form>
  );
}

function pinWish({ key, pinned }: Entry): Wish {
  if (pinned) {
    const what = `The pin “${PIN}” is taken off. Pins of others stay.`;
    const search = new URLSearchParams({ pin: PIN, key });
    const act = () => ask(`/v1/data/pins?${search}`, { method: 'DELETE' });
    return { title: `Unpin ${key}?`, what, verb: 'Unpin', act };
  }
  const what = `It does not age as long as the pin “${PIN}” is on it.`;
  const act = () => ask('/v1/data/pins', { method: 'POST', body: { key, pin: PIN } });
  return { title: `Pin ${key}?`, what, verb: 'Pin', act };
}

function removeWish({ key }: Entry): Wish {
  return {
    title: `Remove ${key}?`,
    what: 'Its bytes go unless another key has the same; whoever needs it fetches it again.',
    verb: 'Remove',
    isGrave: true,
    act: () => ask(`/v1/data/entry?${new URLSearchParams({ key })}`, { method: 'DELETE' }),
  };
}
