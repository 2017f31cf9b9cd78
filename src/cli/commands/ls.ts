import type { JobSummary } from '#wire';
import { allJobs, toLook } from '../ask.ts';
import { askedAds, showAds, withJsonAd } from '../asked-ads.ts';
import type { CommandInput } from '../command.ts';
import { formatCount, formatFraction, formatMoment, lookOf, underWay } from '../format.ts';
import type { ls as spec } from '../table/look.ts';
import { formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

/** `windrow ls` */
export async function ls(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const limit = input.options.limit ?? 1000;
  const state = input.options.only as JobSummary['state'] | undefined;
  const { query, show } = askedAds(input.options);
  const jobs: JobSummary[] = [];
  await toLook(input, world, async (client) => {
    for await (const job of allJobs(client, { ...query, state })) {
      if (jobs.push(job) >= limit) break;
    }
  });
  if (input.options.json) await world.stdout.json({ jobs: jobs.map(withJsonAd) });
  else if (show)
    await showAds(
      show,
      jobs.map(({ ad }) => ad),
      world,
    );
  else if (jobs.length === 0)
    await world.stdout.line(`There are no ${query.constraint ? 'such ' : ''}jobs.`);
  else await world.stdout.write(jobTable(jobs, world));
  return 0;
}

export function jobTable(jobs: readonly JobSummary[], world: World): string {
  const columns = [
    { title: 'JOB', align: 'right' },
    { title: 'STATE' },
    { title: 'TASKS', align: 'right' },
    { title: 'DONE', align: 'right' },
    { title: '', align: 'right' },
    { title: 'FAILED', align: 'right' },
    { title: 'RUNNING', align: 'right' },
    { title: 'WAITING', align: 'right' },
    { title: 'CREATED' },
    { title: 'NAME' },
  ] as const;
  return formatTable(columns, jobs.map(jobRow), lookOf(world.stdout));
}

function jobRow(job: JobSummary): string[] {
  const { counts } = job;
  return [
    String(job.job),
    job.state,
    formatCount(job.rows),
    formatCount(counts.done),
    formatFraction(job.rows === 0 ? null : counts.done / job.rows),
    formatCount(counts.failed + counts.held),
    formatCount(underWay(counts)),
    formatCount(counts.waiting),
    formatMoment(job.createdAtMs),
    job.name,
  ];
}
