import type { WhyAnswer } from '#wire';
import { useAnswer } from '../answer.ts';
import { concernsJob } from '../concerns.ts';
import { count } from '../figures.ts';
import { Nothing, Part, Shown, Table } from '../parts/small.tsx';
import { Text } from '../parts/text.tsx';

/** Why a job, or one task of it, is not running: from the predicates that decide. */
export function Why({ job, task }: { job: number; task: number | null }) {
  const path = `/v1/jobs/${job}/why${task === null ? '' : `?task=${task}`}`;
  const answer = useAnswer<WhyAnswer>(path, { concerns: concernsJob(job) });
  return (
    <Part title="Why it waits">
      <Shown answer={answer}>
        {({ answers, todo, matching }) => (
          <>
            {answers.length === 0 && <Nothing>Nothing of it waits.</Nothing>}
            <ul>
              {answers.map((one) => (
                <li key={one}>
                  <Text of={one} most={1000} />
                </li>
              ))}
            </ul>
            {todo.length > 0 && (
              <>
                <p class="quiet">What would help:</p>
                <pre>
                  <Text of={todo[0]!} most={1000} />
                  {todo.slice(1).map((one) => (
                    <span key={one}>
                      {'\n'}
                      <Text of={one} most={1000} />
                    </span>
                  ))}
                </pre>
              </>
            )}
            {matching && <Matching of={matching} />}
          </>
        )}
      </Shown>
    </Part>
  );
}

function Matching({ of }: { of: NonNullable<WhyAnswer['matching']> }) {
  const { able, conjuncts, refusals, advice } = of;
  return (
    <>
      <p>
        {count(able.slots)} of {count(of.slots)} slots could run it, {count(able.freeSlots)} of them
        are free.
      </p>
      {conjuncts.length > 0 && (
        <Table
          name="Parts of the requirements"
          head={[
            'Requirement',
            { title: 'True', look: 'number' },
            { title: 'False', look: 'number' },
            { title: 'Undefined', look: 'number' },
            { title: 'Without it', look: 'number' },
          ]}
        >
          {conjuncts.map((part) => (
            <tr key={part.text}>
              <th scope="row" class="mono">
                <Text of={part.text} />
              </th>
              <td class="number">{count(part.trueSlots)}</td>
              <td class="number">{count(part.falseSlots)}</td>
              <td class="number">{count(part.undefinedSlots + part.errorSlots)}</td>
              <td class="number">{count(part.aloneSlots)}</td>
            </tr>
          ))}
        </Table>
      )}
      {refusals.length > 0 && (
        <Table
          name="Refusals"
          head={['Refused by', 'Why', { title: 'Slots', look: 'number' }, 'For example']}
        >
          {refusals.map((one) => (
            <tr key={`${one.by} ${one.reason}`}>
              <td>{one.by}</td>
              <th scope="row">
                <Text of={one.reason} />
              </th>
              <td class="number">{count(one.slots)}</td>
              <td>
                <Text of={one.names.join(', ')} most={100} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      {advice.map((one) => (
        <p key={one} class="note">
          <Text of={one} most={1000} />
        </p>
      ))}
    </>
  );
}
