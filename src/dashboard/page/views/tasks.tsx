import { useId, useState } from 'preact/hooks';
import { TASK_STATE_NAMES } from '#model';
import type { JobDetail, TaskPage } from '#wire';
import { useAnswer } from '../answer.ts';
import { concernsJob } from '../concerns.ts';
import { count, moment, parametersText } from '../figures.ts';
import { useNow } from '../hooks.ts';
import { TASKS_SHOWN } from '../limits.ts';
import { Pager } from '../parts/pager.tsx';
import { Nothing, Part, Shown, State, Table } from '../parts/small.tsx';
import { Text } from '../parts/text.tsx';
import { hashOf, type Query } from '../place.ts';

const HEAD = [
  { title: 'Task', look: 'number' },
  'State',
  'Parameters',
  { title: 'Attempts', look: 'number' },
  { title: 'Since', look: 'number wide' },
  'Reason',
];

/** The tasks of a job, a page at a time: there may be ten million. */
export function Tasks({ detail, query }: { detail: JobDetail; query: Query }) {
  const { job } = detail;
  const { state = '', find = '', from = '' } = query;
  const nowMs = useNow();
  const search = new URLSearchParams({ limit: String(TASKS_SHOWN), from, state, constraint: find });
  const answer = useAnswer<TaskPage>(`/v1/jobs/${job}/tasks?${search}`, {
    concerns: concernsJob(job),
  });
  const at = (more: Query) => hashOf({ view: 'job', job, query: { part: 'tasks', ...more } });
  return (
    <Part title="Tasks">
      <Filter
        detail={detail}
        query={query}
        onChange={(more) => {
          location.hash = at(more);
        }}
      />
      <Shown answer={answer}>
        {({ tasks, next }) =>
          tasks.length === 0 ? (
            <Nothing>No task is like that.</Nothing>
          ) : (
            <>
              <Table name="Tasks" head={HEAD}>
                {tasks.map((task) => (
                  <tr key={task.task}>
                    <td class="number">
                      <a href={hashOf({ view: 'task', job, task: task.task, query: {} })}>
                        {task.task}
                      </a>
                    </td>
                    <td>
                      <State of={task.state} />
                    </td>
                    <th scope="row">
                      <Text of={parametersText(task.parameters)} most={160} />
                    </th>
                    <td class="number">{count(task.attempts)}</td>
                    <td class="number wide">{moment(task.changedAtMs, nowMs)}</td>
                    <td>
                      <Text of={task.reason} most={160} />
                    </td>
                  </tr>
                ))}
              </Table>
              <Pager from={from} next={next} at={(from) => at({ state, find, from })} />
            </>
          )
        }
      </Shown>
    </Part>
  );
}

function Filter({
  detail,
  query,
  onChange,
}: {
  detail: JobDetail;
  query: Query;
  onChange: (query: Query) => void;
}) {
  const { state = '', find = '' } = query;
  const [typed, setTyped] = useState(find);
  const ids = { state: useId(), find: useId() };
  const enter = (event: Event): void => {
    event.preventDefault();
    const text = typed.trim();
    // A number is the way to one task; all else is a condition.
    if (/^\d{1,9}$/.test(text)) {
      location.hash = hashOf({ view: 'task', job: detail.job, task: Number(text), query: {} });
    } else onChange({ state, find: text });
  };
  return (
    <form class="filter" onSubmit={enter}>
      <p>
        <label for={ids.state}>State</label>
        <select
          id={ids.state}
          value={state}
          onChange={(event) => onChange({ state: event.currentTarget.value, find })}
        >
          <option value="">all</option>
          {TASK_STATE_NAMES.filter((name) => detail.counts[name] > 0 || name === state).map(
            (name) => (
              <option key={name} value={name}>
                {name} ({count(detail.counts[name])})
              </option>
            ),
          )}
        </select>
      </p>
      <p class="rest">
        <label for={ids.find}>A task’s number, or a condition of its ad</label>
        <input
          id={ids.find}
          type="search"
          class="mono"
          spellcheck={false}
          autocomplete="off"
          placeholder="ExitCode == 3 && RemoteWallClockTime > 60"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </p>
      <button type="submit">Find</button>
    </form>
  );
}
