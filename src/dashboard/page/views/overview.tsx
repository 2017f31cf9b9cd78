import type { JobDetail, JobStats } from '#wire';
import { useAnswer } from '../answer.ts';
import { concernsJob } from '../concerns.ts';
import {
  bytes,
  count,
  countsText,
  duration,
  moment,
  NOTHING,
  parametersText,
  percent,
  rate,
} from '../figures.ts';
import { useNow } from '../hooks.ts';
import { FAILURES_SHOWN, WORKERS_SHOWN } from '../limits.ts';
import { Bar } from '../parts/bar.tsx';
import { EndsChart } from '../parts/chart.tsx';
import { Facts, Part, Shown, Table } from '../parts/small.tsx';
import { Lines, Text } from '../parts/text.tsx';
import { hashOf } from '../place.ts';

/** How a job goes, what failed in it, and who did what. */
export function Overview({ detail }: { detail: JobDetail }) {
  const { job } = detail;
  const answer = useAnswer<JobStats>(`/v1/jobs/${job}/stats`, { concerns: concernsJob(job) });
  return (
    <>
      <Progress detail={detail} />
      <Shown answer={answer}>
        {(stats) => (
          <>
            <Failures stats={stats} />
            {stats.ends && stats.ends.ok.length > 2 && (
              <Part title="Throughput">
                <EndsChart ends={stats.ends} />
              </Part>
            )}
            <Figures stats={stats} />
            <WorkersOf stats={stats} />
          </>
        )}
      </Shown>
      <History detail={detail} />
    </>
  );
}

function Progress({ detail }: { detail: JobDetail }) {
  const nowMs = useNow();
  const { job, counts, progress, state, waiting, warnings } = detail;
  const isRunning = state === 'running';
  return (
    <Part title="Progress">
      <div class="large">
        <Bar counts={counts} name={`Job ${job}`} />
      </div>
      <p>{countsText(counts)}</p>
      <Facts
        of={[
          isRunning ? ['Rate', rate(progress.ratePerSecond)] : null,
          isRunning ? ['Time left', duration(progress.etaMs)] : null,
          ['Submitted', moment(detail.createdAtMs, nowMs)],
          ['Started', moment(detail.startedAtMs, nowMs)],
          detail.endedAtMs === null ? null : ['Ended', moment(detail.endedAtMs, nowMs)],
          ['Priority', detail.priority],
          detail.output === '' ? null : ['Output', <Text key="output" of={detail.output} />],
        ]}
      />
      {isRunning &&
        waiting.map((one) => (
          <p key={one.reason} class="note">
            <Text of={one.reason} />
          </p>
        ))}
      {warnings.map((warning) => (
        <p key={warning} class="note">
          <Text of={warning} />
        </p>
      ))}
    </Part>
  );
}

function Failures({ stats }: { stats: JobStats }) {
  const { job, failures, failuresLeftOut } = stats;
  const causes = Object.entries(stats.causes).filter(([cause]) => cause !== 'ok');
  if (failures.length === 0 && causes.length === 0) return null;
  const shown = failures.slice(0, FAILURES_SHOWN);
  const more = failuresLeftOut + failures.length - shown.length;
  return (
    <Part title="Failures">
      <p>
        Attempts by cause:{' '}
        {causes.map(([cause, attempts]) => `${count(attempts)} ${cause}`).join(', ') || 'none'}
      </p>
      {shown.length > 0 && (
        <Table
          name="Failures by kind"
          head={[{ title: 'Tasks', look: 'number' }, 'How they failed', 'For example']}
        >
          {shown.map(({ signature, tasks, example }) => (
            <tr key={signature}>
              <td class="number bad">{count(tasks)}</td>
              <th scope="row">
                <Text of={signature} />
              </th>
              <td>
                <a href={hashOf({ view: 'task', job, task: example.task, query: {} })}>
                  task {example.task}
                </a>{' '}
                <Text of={parametersText(example.parameters)} most={120} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      {more > 0 && <p class="quiet">… and {count(more)} other kinds</p>}
    </Part>
  );
}

function Figures({ stats }: { stats: JobStats }) {
  const { wall, cpu } = stats;
  return (
    <Part title="Figures">
      <Facts
        of={[
          ['Attempts', count(stats.attempts)],
          stats.reused > 0 ? ['Taken over', count(stats.reused)] : null,
          ['Elapsed', duration(stats.elapsedMs)],
          ['Slots used', percent(stats.efficiency)],
          ['Wall time, half', duration(wall?.p50Ms)],
          ['Wall time, 90 %', duration(wall?.p90Ms)],
          ['Wall time, longest', duration(wall?.maxMs)],
          ['CPU time, half', duration(cpu?.p50Ms)],
          ['CPU time, all', duration(stats.cpuMs)],
          ['Memory, most', bytes(stats.memoryPeakBytes)],
          ['Disk, most', bytes(stats.diskPeakBytes)],
          ...stats.walls.map(
            ({ wanted, had, attempts }) =>
              [`Walls wanted: ${wanted}`, `${had}: ${count(attempts)} attempts`] as const,
          ),
        ]}
      />
    </Part>
  );
}

function WorkersOf({ stats }: { stats: JobStats }) {
  const shown = stats.workers.slice(0, WORKERS_SHOWN);
  if (shown.length === 0) return null;
  const more = stats.workersLeftOut + stats.workers.length - shown.length;
  return (
    <Part title="Who did what">
      <Table
        name="Workers of the job"
        head={[
          'Worker',
          { title: 'Done', look: 'number' },
          { title: 'Attempts', look: 'number' },
          'Failures',
          { title: 'Busy', look: 'number' },
          { title: 'Slots used', look: 'number wide' },
        ]}
      >
        {shown.map((worker) => (
          <tr key={worker.worker}>
            <th scope="row">
              <Text of={worker.worker} most={60} />
            </th>
            <td class="number">{count(worker.done)}</td>
            <td class="number">{count(worker.attempts)}</td>
            <td>
              {Object.entries(worker.failures)
                .map(([cause, attempts]) => `${count(attempts)} ${cause}`)
                .join(', ') || NOTHING}
            </td>
            <td class="number">{duration(worker.busyMs)}</td>
            <td class="number wide">{percent(worker.efficiency)}</td>
          </tr>
        ))}
      </Table>
      {more > 0 && <p class="quiet">… and {count(more)} others</p>}
    </Part>
  );
}

function History({ detail }: { detail: JobDetail }) {
  const nowMs = useNow();
  if (detail.history.length === 0) return null;
  return (
    <Part title="What happened">
      <Table name="Events of the job" head={[{ title: 'When', look: 'time' }, 'Who', 'What']}>
        {[...detail.history].reverse().map(({ atMs, kind, actor, text }, index) => (
          <tr key={`${atMs} ${index}`}>
            <td class="time">{moment(atMs, nowMs)}</td>
            <td>
              <Text of={actor} />
            </td>
            <td>
              <Text of={kind} /> <Lines of={text.slice(0, 1000)} />
            </td>
          </tr>
        ))}
      </Table>
    </Part>
  );
}
