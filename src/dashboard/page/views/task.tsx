import { isFinal, TaskState } from '#model';
import type { AttemptView, TaskDetail } from '#wire';
import { useAnswer } from '../answer.ts';
import { ask } from '../ask.ts';
import { concernsJob } from '../concerns.ts';
import { bytes, count, duration, moment, NOTHING } from '../figures.ts';
import { useNow } from '../hooks.ts';
import { useWish, type Wish } from '../parts/confirm.tsx';
import { Facts, Nothing, Part, Shown, State, Table } from '../parts/small.tsx';
import { Text } from '../parts/text.tsx';
import { hashOf } from '../place.ts';
import { Logs } from './logs.tsx';
import { Why } from './why.tsx';

export function Task({ job, task }: { job: number; task: number }) {
  const answer = useAnswer<TaskDetail>(`/v1/jobs/${job}/tasks/${task}`, {
    concerns: concernsJob(job),
  });
  const [setWish, asked] = useWish(answer);
  return (
    <>
      <Shown answer={answer}>
        {(detail) => <Known detail={detail} onWish={(action) => setWish(wishOf(detail, action))} />}
      </Shown>
      {asked}
    </>
  );
}

function Known({ detail, onWish }: { detail: TaskDetail; onWish: (action: TaskAction) => void }) {
  const { job, task, state, attemptList } = detail;
  const nowMs = useNow();
  const isWaiting = !isFinal(TaskState[state]) && !attemptList.some(({ cause }) => cause === null);
  const buttons = (
    <span class="actions">
      {actionsIn(state).map((action) => (
        <button key={action} type="button" onClick={() => onWish(action)}>
          {action}
        </button>
      ))}
    </span>
  );
  const title = (
    <>
      <a href={hashOf({ view: 'job', job, query: {} })}>Job {job}</a>, task {task}{' '}
      <State of={state} />
    </>
  );
  return (
    <>
      <Part title={title} aside={buttons}>
        <Facts
          of={[
            detail.reason === '' ? null : ['Reason', <Text key="reason" of={detail.reason} />],
            ['Since', moment(detail.changedAtMs, nowMs)],
            ['By', <Text key="actor" of={detail.actor} />],
            detail.hold && [
              'Held as',
              `${detail.hold.name} (${detail.hold.code}.${detail.hold.subcode})`,
            ],
            ['Attempts', count(detail.attempts)],
          ]}
        />
      </Part>
      <Part title="Command and parameters">
        <pre>
          <Text of={detail.commandLine} most={4000} />
        </pre>
        <Facts
          of={Object.entries(detail.parameters).map(([name, value]) => [
            name.slice(0, 60),
            <Text key={name} of={value} />,
          ])}
        />
      </Part>
      {isWaiting && <Why job={job} task={task} />}
      <Attempts list={attemptList} />
      <Logs job={job} task={task} isMoving={!isFinal(TaskState[state])} />
    </>
  );
}

function Attempts({ list }: { list: readonly AttemptView[] }) {
  const nowMs = useNow();
  return (
    <Part title="Attempts">
      {list.length === 0 ? (
        <Nothing>It was never started.</Nothing>
      ) : (
        <Table
          name="Attempts"
          head={[
            { title: 'No.', look: 'number' },
            'End',
            'Worker',
            { title: 'Started', look: 'number' },
            { title: 'Took', look: 'number' },
            { title: 'CPU', look: 'number' },
            { title: 'Memory', look: 'number' },
            'Walls',
            'Reason',
          ]}
        >
          {list.map((attempt) => (
            <tr key={attempt.ticket}>
              <td class="number">{attempt.number}</td>
              <td>
                <State of={attempt.cause ?? 'running'} />
              </td>
              <th scope="row">
                <Text of={attempt.worker} most={60} />
              </th>
              <td class="number">{moment(attempt.startedAtMs, nowMs)}</td>
              <td class="number">{duration((attempt.endedAtMs ?? nowMs) - attempt.startedAtMs)}</td>
              <td class="number">{cpuOf(attempt)}</td>
              <td class="number">{bytes(attempt.usage?.memoryPeakBytes)}</td>
              <td>{wallsOf(attempt)}</td>
              <td>
                <Text of={attempt.reason} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Part>
  );
}

function cpuOf({ usage }: AttemptView): string {
  if (!usage || (usage.cpuUserMs === null && usage.cpuSystemMs === null)) return NOTHING;
  return duration((usage.cpuUserMs ?? 0) + (usage.cpuSystemMs ?? 0));
}

function wallsOf({ walls }: AttemptView): string {
  if (!walls) return NOTHING;
  const wanted = typeof walls.wanted === 'string' ? walls.wanted : 'listed';
  return `${wanted}: ${walls.had.join(', ') || 'none'}`;
}

type TaskAction = 'Hold' | 'Release' | 'Retry' | 'Remove';

function actionsIn(state: TaskDetail['state']): readonly TaskAction[] {
  if (state === 'failed') return ['Retry', 'Remove'];
  if (state === 'held') return ['Release', 'Remove'];
  return state === 'done' || state === 'removed' ? [] : ['Hold', 'Remove'];
}

function wishOf({ job, task }: TaskDetail, action: TaskAction): Wish {
  const title = `${action} task ${job}.${task}?`;
  if (action === 'Retry') {
    const act = () => ask(`/v1/jobs/${job}/retry`, { method: 'POST', body: { tasks: [task] } });
    return { title, what: 'It waits again, with new retry budgets.', verb: action, act };
  }
  const what = {
    Hold: 'What runs of it is stopped; it waits until it is released.',
    Release: 'It waits for a machine again.',
    Remove: 'What runs of it is stopped; it will not run again.',
  }[action];
  return {
    ...{ title, what, verb: action },
    isGrave: action === 'Remove',
    reason: 'Why, for those who ask later',
    act: (reason) =>
      ask(`/v1/jobs/${job}/tasks`, {
        method: 'PATCH',
        body: { action: action.toLowerCase(), tasks: [[task, task]], reason },
      }),
  };
}
