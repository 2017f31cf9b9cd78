import { useState } from 'preact/hooks';
import type { TraceView } from '#wire';
import { useAnswer } from '../answer.ts';
import { ask, askLines } from '../ask.ts';
import { bytes, count, moment, NOTHING } from '../figures.ts';
import { useNow } from '../hooks.ts';
import { TRACES_SHOWN } from '../limits.ts';
import { Confirm, type Wish } from '../parts/confirm.tsx';
import { Nothing, Part, Shown, Table } from '../parts/small.tsx';
import { Text } from '../parts/text.tsx';

const HEAD = [
  'Trace id',
  'File',
  { title: 'Size', look: 'number' },
  { title: 'Came', look: 'time' },
  'From',
  'SHA-256',
  'Change',
];

/** Files that came home. */
export function Traces() {
  const [wish, setWish] = useState<Wish | null>(null);
  const nowMs = useNow();
  const answer = useAnswer('/v1/traces', {
    concerns: ({ kind }) => kind === 'trace',
    question: (signal) => askLines<TraceView>('/v1/traces', TRACES_SHOWN, signal),
  });
  if (answer.refusal?.code === 'TRACES_OFF') {
    return (
      <Part title="Traces">
        <Nothing>
          This server takes no traces. Start it with <code>windrow serve --traces</code>.
        </Nothing>
      </Part>
    );
  }
  const end = (isDone: boolean): void => {
    setWish(null);
    if (isDone) answer.again();
  };
  return (
    <Part title="Traces">
      <Shown answer={answer}>
        {({ lines, isCut }) =>
          lines.length === 0 ? (
            <Nothing>
              None came yet. <code>windrow traces collect</code> brings them.
            </Nothing>
          ) : (
            <>
              <Table name="Traces" head={HEAD}>
                {lines.map((trace) => (
                  <tr key={`${trace.id}/${trace.name}`}>
                    <td class="mono">
                      <Text of={trace.id} most={64} />
                    </td>
                    <th scope="row">
                      <Text of={trace.name} most={100} />
                    </th>
                    <td class="number">{bytes(trace.bytes)}</td>
                    <td class="time">{moment(trace.receivedAtMs, nowMs)}</td>
                    <td>
                      <Text of={trace.sender ?? NOTHING} most={60} />
                    </td>
                    <td class="mono">{trace.sha256?.slice(0, 12) ?? NOTHING}</td>
                    <td class="actions">
                      <button type="button" onClick={() => setWish(removeWish(trace))}>
                        Remove
                      </button>
                    </td>
                  </tr>
                ))}
              </Table>
              <p class="quiet">
                {isCut && `The first ${count(TRACES_SHOWN)}. `}To read one:{' '}
                <code>windrow traces get ID FILE</code>
              </p>
            </>
          )
        }
      </Shown>
      {wish && <Confirm wish={wish} onEnd={end} />}
    </Part>
  );
}

function removeWish({ id, name }: TraceView): Wish {
  return {
    title: `Remove ${name}?`,
    what: 'The file is deleted on the server. This cannot be taken back.',
    verb: 'Remove',
    isGrave: true,
    act: () =>
      ask(`/v1/traces/${encodeURIComponent(id)}/${encodeURIComponent(name)}`, { method: 'DELETE' }),
  };
}
