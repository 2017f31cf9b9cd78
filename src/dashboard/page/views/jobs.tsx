import type { ApiEvent, JobPage, JobSummary } from '#wire';
import { useAnswer } from '../answer.ts';
import { count, countsText, duration, ended, moment, NOTHING, percent, rate } from '../figures.ts';
import { useConnection, useNow } from '../hooks.ts';
import { JOBS_SHOWN } from '../limits.ts';
import { Bar } from '../parts/bar.tsx';
import { Pager } from '../parts/pager.tsx';
import { Nothing, Part, Shown, State, Table } from '../parts/small.tsx';
import { Text } from '../parts/text.tsx';
import { hashOf, type Query } from '../place.ts';

const HEAD = [
  'Job',
  'Name',
  'State',
  'Progress',
  { title: 'Tasks', look: 'number' },
  { title: 'Failed', look: 'number' },
  { title: 'Rate', look: 'number' },
  { title: 'Left', look: 'number' },
  { title: 'Submitted', look: 'number wide' },
];

export function Jobs({ query }: { query: Query }) {
  const from = query.from ?? '';
  const search = new URLSearchParams({ limit: String(JOBS_SHOWN), from });
  const concerns = ({ kind }: ApiEvent): boolean => kind === 'job' || kind === 'progress';
  const answer = useAnswer<JobPage>(`/v1/jobs?${search}`, { concerns });
  const at = (next: string) => hashOf({ view: 'jobs', query: { from: next } });
  return (
    <Part title="Jobs">
      <Shown answer={answer}>
        {({ jobs, next }) =>
          jobs.length === 0 ? (
            <Nothing>
              No jobs yet. Submit one with <code>windrow run --server</code> or{' '}
              <code>windrow submit</code>.
            </Nothing>
          ) : (
            <>
              <Table name="Jobs" head={HEAD}>
                {jobs.map((job) => (
                  <JobRow key={job.job} job={job} />
                ))}
              </Table>
              <Pager from={from} next={next} at={at} />
            </>
          )
        }
      </Shown>
    </Part>
  );
}

function JobRow({ job }: { job: JobSummary }) {
  const nowMs = useNow();
  const { counts, rows } = job;
  const known = useConnection().progress.get(job.job);
  const progress = job.state === 'running' ? known : undefined;
  const page = hashOf({ view: 'job', job: job.job, query: {} });
  return (
    <tr>
      <td>
        <a href={page}>{job.job}</a>
      </td>
      <th scope="row">
        <a href={page}>
          <Text of={job.name} most={60} />
        </a>
      </th>
      <td>
        <State of={job.state} />
      </td>
      <td class="progress">
        <Bar counts={counts} name={`Job ${job.job}`} />
        <span>{percent(rows === 0 ? 1 : ended(counts) / rows)}</span>
      </td>
      <td class="number" title={countsText(counts)}>
        {count(rows)}
      </td>
      <td class={`number ${counts.failed > 0 ? 'bad' : ''}`}>{count(counts.failed)}</td>
      <td class="number">{progress ? rate(progress.ratePerSecond) : NOTHING}</td>
      <td class="number">{progress ? duration(progress.etaMs) : NOTHING}</td>
      <td class="number wide">{moment(job.createdAtMs, nowMs)}</td>
    </tr>
  );
}
