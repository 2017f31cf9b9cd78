import { useId } from 'preact/hooks';
import { type Silence, TRAP_CATEGORIES, type TrapRecord } from '#model';
import { useAnswer } from '../answer.ts';
import { ask } from '../ask.ts';
import { count, duration, moment } from '../figures.ts';
import { useNow } from '../hooks.ts';
import { TRAPS_SHOWN } from '../limits.ts';
import { useWish, type Wish } from '../parts/confirm.tsx';
import { Nothing, Part, Shown, Table } from '../parts/small.tsx';
import { Text } from '../parts/text.tsx';
import { hashOf, type Query } from '../place.ts';
import { acknowledgeWish, endSilenceWish, silenceWish, withdrawWish } from './trap-changes.ts';
import { awaitsAnswer, openText, stateOfTrap, trapsShown } from './trap-list.ts';

/** Acknowledgements of others are no events. */
const LOOK_MS = 5000;
const VIEW = '/v1/traps/view';

interface TrapView {
  readonly traps: readonly TrapRecord[];
  readonly silences: readonly Silence[];
  readonly counters: Readonly<Record<string, number>>;
  readonly nodes: number;
  readonly nowMs: number;
}

type OnWish = (wish: Wish) => void;

export function Traps({ query }: { query: Query }) {
  const answer = useAnswer<TrapView>(VIEW, {
    concerns: ({ kind }) => kind === 'trap',
    everyMs: LOOK_MS,
    question: (signal) => ask<TrapView>(VIEW, { method: 'POST', body: {}, signal }),
  });
  const [setWish, asked] = useWish(answer);
  if (answer.refusal?.code === 'ROUTE_UNKNOWN') {
    return (
      <Part title="Traps">
        <Nothing>
          This server collects no traps. Start it with <code>windrow serve --traps</code>.
        </Nothing>
      </Part>
    );
  }
  return (
    <>
      <Shown answer={answer}>
        {(view) => (
          <>
            <Kept view={view} query={query} onWish={setWish} />
            <Silences silences={view.silences} onWish={setWish} />
          </>
        )}
      </Shown>
      {asked}
    </>
  );
}

function Kept({ view, query, onWish }: { view: TrapView; query: Query; onWish: OnWish }) {
  const { least = '0', find = '', all = '' } = query;
  const filter = { least: Number(least) || 0, find, all: all !== '' };
  const found = trapsShown(view.traps, filter);
  const { received = 0, dropped = 0 } = view.counters;
  return (
    <Part title="Traps" aside={<span>{openText(view.traps)}</span>}>
      <Filter query={query} />
      {found.length === 0 ? (
        <Nothing>
          {view.traps.length === 0 ? 'Nothing was reported.' : 'No trap is like that.'}
        </Nothing>
      ) : (
        <Table
          name="Traps"
          head={[
            'Category',
            'Node',
            'Message',
            { title: 'Times', look: 'number' },
            { title: 'Since', look: 'time' },
            'State',
            'Change',
          ]}
        >
          {found.slice(0, TRAPS_SHOWN).map((trap) => (
            <TrapRow key={trap.id} trap={trap} onWish={onWish} />
          ))}
        </Table>
      )}
      {found.length > TRAPS_SHOWN && (
        <p class="quiet">… and {count(found.length - TRAPS_SHOWN)} others</p>
      )}
      <p class="quiet">
        {count(received)} reports from {count(view.nodes)} nodes, {count(dropped)} of them dropped.
      </p>
    </Part>
  );
}

function TrapRow({ trap, onWish }: { trap: TrapRecord; onWish: OnWish }) {
  const nowMs = useNow();
  const word = TRAP_CATEGORIES[trap.category];
  const state = stateOfTrap(trap);
  const { acknowledged } = trap;
  return (
    <tr class={state === 'over' || state === 'silenced' || state === 'end' ? 'past' : ''}>
      <td>
        <span class={`state ${word}`}>{word}</span>
      </td>
      <th scope="row">
        <Text of={trap.node} most={60} />
        {trap.fileSystem !== '' && (
          <small>
            <Text of={trap.fileSystem} most={60} />
          </small>
        )}
      </th>
      <td class="message">
        <Text of={trap.message} />
      </td>
      <td class="number">{count(trap.count)}</td>
      <td class="time">{moment(trap.atMs, nowMs)}</td>
      <td>
        {state}
        {acknowledged && (
          <small>
            <Text of={[acknowledged.by, acknowledged.comment].filter(Boolean).join(': ')} />
          </small>
        )}
      </td>
      <td class="actions">
        {awaitsAnswer(trap) && (
          <button type="button" onClick={() => onWish(acknowledgeWish(trap))}>
            Acknowledge
          </button>
        )}
        {state === 'acknowledged' && (
          <button type="button" onClick={() => onWish(withdrawWish(trap))}>
            Withdraw
          </button>
        )}
        {trap.silence === null && (
          <button type="button" onClick={() => onWish(silenceWish(trap))}>
            Silence
          </button>
        )}
      </td>
    </tr>
  );
}

function Filter({ query }: { query: Query }) {
  const { least = '', find = '', all = '' } = query;
  const ids = { least: useId(), find: useId(), all: useId() };
  const change = (more: Query): void => {
    location.hash = hashOf({ view: 'traps', query: { least, find, all, ...more } });
  };
  return (
    <form class="filter" onSubmit={(event) => event.preventDefault()}>
      <p>
        <label for={ids.least}>Category</label>
        <select
          id={ids.least}
          value={least}
          onChange={(event) => change({ least: event.currentTarget.value })}
        >
          <option value="">all</option>
          {TRAP_CATEGORIES.map((word, category) =>
            category === 0 ? null : (
              <option key={word} value={String(category)}>
                {word} {category < 3 && 'and worse'}
              </option>
            ),
          )}
        </select>
      </p>
      <p class="rest">
        <label for={ids.find}>Part of a node, a file system or a message</label>
        <input
          id={ids.find}
          type="search"
          autocomplete="off"
          value={find}
          onChange={(event) => change({ find: event.currentTarget.value })}
        />
      </p>
      <p>
        <input
          id={ids.all}
          type="checkbox"
          checked={all !== ''}
          onChange={(event) => change({ all: event.currentTarget.checked ? 'yes' : '' })}
        />{' '}
        <label class="beside" for={ids.all}>
          also what is over or silenced
        </label>
      </p>
    </form>
  );
}

function Silences({ silences, onWish }: { silences: readonly Silence[]; onWish: OnWish }) {
  const nowMs = useNow();
  if (silences.length === 0) return null;
  return (
    <Part title="Silences">
      <Table
        name="Silences"
        head={['What', 'Up to', { title: 'For another', look: 'number' }, 'By', 'Why', 'Change']}
      >
        {silences.map((silence) => (
          <tr key={silence.id}>
            <th scope="row">
              <Text of={partsOf(silence)} />
            </th>
            <td>{TRAP_CATEGORIES[silence.categoryMost]}</td>
            <td class="number">{duration(silence.endsAtMs - nowMs)}</td>
            <td>
              <Text of={silence.by} most={60} />
            </td>
            <td>
              <Text of={silence.reason} />
            </td>
            <td class="actions">
              <button type="button" onClick={() => onWish(endSilenceWish(silence))}>
                End
              </button>
            </td>
          </tr>
        ))}
      </Table>
    </Part>
  );
}

function partsOf({ node, fileSystem, message }: Silence): string {
  const parts = [
    node && `node ${node}`,
    fileSystem && `file system ${fileSystem}`,
    message && `message ${message}`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}
