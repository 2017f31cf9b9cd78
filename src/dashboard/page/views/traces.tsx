import type { TraceUpload, TraceView } from '#wire';
import { useAnswer } from '../answer.ts';
import { ask, askLines } from '../ask.ts';
import { age, bytes, count, moment, NOTHING, percent } from '../figures.ts';
import { useNow } from '../hooks.ts';
import { TRACES_SHOWN } from '../limits.ts';
import { ShareBar } from '../parts/bar.tsx';
import { useWish, type Wish } from '../parts/confirm.tsx';
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

const COMING_MS = 1000;

/** Files that came home. */
export function Traces() {
  const nowMs = useNow();
  const answer = useAnswer('/v1/traces', {
    concerns: ({ kind }) => kind === 'trace',
    question: (signal) => askLines<TraceView>('/v1/traces', TRACES_SHOWN, signal),
  });
  const [setWish, asked] = useWish(answer);
  if (answer.refusal?.code === 'TRACES_OFF') {
    return (
      <Part title="Traces">
        <Nothing>
          This server takes no traces. Start it with <code>windrow serve --traces</code>.
        </Nothing>
      </Part>
    );
  }
  return (
    <>
      <Coming />
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
        {asked}
      </Part>
    </>
  );
}

/** What is on its way. It says nothing by itself, so it is looked at. */
function Coming() {
  const nowMs = useNow();
  const path = '/v1/trace-uploads';
  const { value } = useAnswer(path, {
    concerns: ({ kind }) => kind === 'trace',
    everyMs: COMING_MS,
    question: (signal) => askLines<TraceUpload>(path, TRACES_SHOWN, signal),
  });
  if (value === undefined || value.lines.length === 0) return null;
  return (
    <Part title="On the way">
      <Table
        name="Uploads"
        head={[
          'File',
          'Come',
          { title: 'Size', look: 'number' },
          { title: 'Last', look: 'number' },
        ]}
      >
        {value.lines.map(({ id, name, bytes: size, receivedBytes, heardAtMs }) => (
          <tr key={`${id}/${name}`}>
            <th scope="row">
              <Text of={name} most={100} />
              <small class="mono">
                <Text of={id} most={64} />
              </small>
            </th>
            <td class="progress">
              <ShareBar share={size === 0 ? 1 : receivedBytes / size} name={name} />
              <span>{percent(size === 0 ? 1 : receivedBytes / size)}</span>
            </td>
            <td class="number">{bytes(size)}</td>
            <td class="number">{age(nowMs - heardAtMs)}</td>
          </tr>
        ))}
      </Table>
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
