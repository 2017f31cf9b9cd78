import type { JobDetail } from '#wire';
import { type Answered, useAnswer } from '../answer.ts';
import { concernsJob } from '../concerns.ts';
import { useWish } from '../parts/confirm.tsx';
import { Part, Shown, State } from '../parts/small.tsx';
import { Text } from '../parts/text.tsx';
import { hashOf, type Query } from '../place.ts';
import { type JobAction, jobActionsIn, jobWish } from './job-changes.ts';
import { Overview } from './overview.tsx';
import { Tasks } from './tasks.tsx';
import { Why } from './why.tsx';

const PARTS = [
  ['', 'Overview'],
  ['tasks', 'Tasks'],
  ['why', 'Why it waits'],
] as const;

export function Job({ job, query }: { job: number; query: Query }) {
  const answer = useAnswer<JobDetail>(`/v1/jobs/${job}`, { concerns: concernsJob(job) });
  return (
    <Shown answer={answer}>{(detail) => <Known detail={detail} query={query} of={answer} />}</Shown>
  );
}

function Known({
  detail,
  query,
  of,
}: {
  detail: JobDetail;
  query: Query;
  of: Answered<JobDetail>;
}) {
  const { job, name, state, reason } = detail;
  const part = query.part ?? '';
  const [setWish, asked] = useWish(of);
  const buttons = (
    <span class="actions">
      {jobActionsIn(detail).map((action: JobAction) => (
        <button key={action} type="button" onClick={() => setWish(jobWish(detail, action))}>
          {action}
        </button>
      ))}
    </span>
  );
  return (
    <>
      <Part
        title={
          <>
            Job {job} <Text of={name} most={100} /> <State of={state} />
          </>
        }
        aside={buttons}
      >
        {reason !== '' && (
          <p class="quiet">
            <Text of={reason} />
          </p>
        )}
        <nav class="tabs" aria-label={`Parts of job ${job}`}>
          {PARTS.map(([key, title]) => (
            <a
              key={key}
              class="tab"
              href={hashOf({ view: 'job', job, query: { part: key } })}
              aria-current={part === key ? 'page' : undefined}
            >
              {title}
            </a>
          ))}
        </nav>
      </Part>
      {part === 'tasks' ? (
        <Tasks detail={detail} query={query} />
      ) : part === 'why' ? (
        <Why job={job} task={null} />
      ) : (
        <Overview detail={detail} />
      )}
      {asked}
    </>
  );
}
