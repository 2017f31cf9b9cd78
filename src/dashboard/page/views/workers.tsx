import type { WorkerList, WorkerView } from '#wire';
import { useAnswer } from '../answer.ts';
import { ask } from '../ask.ts';
import { age, bytes, count, duration, NOTHING, percent } from '../figures.ts';
import { useWish, type Wish } from '../parts/confirm.tsx';
import { Nothing, Part, Shown, State, Table } from '../parts/small.tsx';
import { Text } from '../parts/text.tsx';

const HEAD = [
  'Worker',
  'State',
  { title: 'Slots busy', look: 'number' },
  { title: 'Load', look: 'number' },
  { title: 'Memory free', look: 'number wide' },
  { title: 'Disk free', look: 'number wide' },
  { title: 'Done', look: 'number' },
  { title: 'Failed', look: 'number' },
  { title: 'Busy', look: 'number' },
  { title: 'Distance', look: 'number' },
  { title: 'Heard', look: 'number' },
  'Change',
];

type Action = 'pause' | 'resume' | 'drain';

const WORDS: Readonly<Record<Action, { readonly verb: string; readonly what: string }>> = {
  pause: { verb: 'Pause', what: 'It finishes what it runs, and gets nothing new until resumed.' },
  drain: { verb: 'Drain', what: 'It finishes what it runs, then it ends.' },
  resume: { verb: 'Resume', what: 'It gets tasks again.' },
};

/** How long ago they were heard changes by itself. */
const HEARD_MS = 5000;
const CONCERNS = new Set(['worker', 'job', 'progress']);

export function Workers() {
  const answer = useAnswer<WorkerList>('/v1/workers', {
    concerns: ({ kind }) => CONCERNS.has(kind),
    everyMs: HEARD_MS,
  });
  const [setWish, asked] = useWish(answer);
  return (
    <Part title="Workers">
      <Shown answer={answer}>
        {({ workers }) =>
          workers.length === 0 ? (
            <Nothing>
              No worker is connected. Start some with <code>windrow worker</code> or{' '}
              <code>windrow start</code>.
            </Nothing>
          ) : (
            <Table name="Workers" head={HEAD}>
              {workers.map((worker) => (
                <WorkerRow
                  key={worker.worker}
                  worker={worker}
                  onWish={(action) => setWish(wishOf(worker, action))}
                />
              ))}
            </Table>
          )
        }
      </Shown>
      {asked}
    </Part>
  );
}

function WorkerRow({ worker, onWish }: { worker: WorkerView; onWish: (action: Action) => void }) {
  const { state, reason, silentMs, leaseMs } = worker;
  const isLate = silentMs > leaseMs / 2;
  return (
    <tr>
      <th scope="row">
        <Text of={worker.name} most={60} />
        <small>
          <Text of={`${worker.platform} · ${worker.address}`} most={80} />
        </small>
      </th>
      <td>
        <State of={state} />
        {reason !== '' && state !== 'active' && (
          <small>
            <Text of={reason} most={120} />
          </small>
        )}
      </td>
      <td class="number">
        {count(worker.busySlots)} of {count(worker.slots)}
      </td>
      <td class="number">{worker.loadAverage?.toFixed(1) ?? NOTHING}</td>
      <td class="number wide">{bytes(worker.memoryFreeBytes)}</td>
      <td class="number wide">{bytes(worker.diskFreeBytes)}</td>
      <td class="number">{count(worker.done)}</td>
      <td class={`number ${worker.failed > 0 ? 'bad' : ''}`}>{count(worker.failed)}</td>
      <td class="number">{percent(worker.busyShare)}</td>
      <td class="number">{duration(worker.roundTripMs)}</td>
      <td class={`number ${isLate ? 'bad' : ''}`}>{age(silentMs)}</td>
      <td class="actions">
        {actionsIn(state).map((action) => (
          <button key={action} type="button" onClick={() => onWish(action)}>
            {WORDS[action].verb}
          </button>
        ))}
      </td>
    </tr>
  );
}

function actionsIn(state: WorkerView['state']): readonly Action[] {
  if (state === 'lost') return [];
  return state === 'active' ? ['pause', 'drain'] : ['resume'];
}

function wishOf({ worker, name }: WorkerView, action: Action): Wish {
  return {
    ...WORDS[action],
    title: `${WORDS[action].verb} ${name}?`,
    isGrave: action === 'drain',
    reason: 'Why, for those who ask later',
    act: (reason) =>
      ask(`/v1/workers/${encodeURIComponent(worker)}`, {
        method: 'PATCH',
        body: { action, reason },
      }),
  };
}
