import type { ApiClient, JobSummary } from '#wire';
import { cliErrors } from './errors.ts';
import { findServer, type Reached } from './find-server.ts';
import type { Composition } from './port.ts';
import type { ReadSettings, World } from './world.ts';

interface Asking {
  readonly settings: ReadSettings;
  readonly composition: Composition;
}

/** Lets `use` talk to the server that the command means, and leaves it whatever happens. */
export async function withServer<T>(
  asking: Asking,
  world: World,
  readOnly: boolean,
  use: (client: ApiClient, reached: Reached) => Promise<T>,
): Promise<T> {
  const openState = (directory: string) => asking.composition.openState(directory);
  const reached = await findServer(asking.settings, { readOnly, openState }, world);
  const { ApiClient } = await import('#wire');
  const client = new ApiClient({ url: reached.url, token: reached.token, signal: world.ending });
  try {
    return await use(client, reached);
  } finally {
    await client.close();
    await reached.close();
  }
}

/** As `withServer`, for a command that changes nothing. */
export async function toLook<T>(
  asking: Asking,
  world: World,
  use: (client: ApiClient) => Promise<T>,
): Promise<T> {
  return await withServer(asking, world, true, use);
}

/** As `withServer`, for a command that changes something: it needs a running server. */
export async function toChange<T>(
  asking: Asking,
  world: World,
  use: (client: ApiClient) => Promise<T>,
): Promise<T> {
  return await withServer(asking, world, false, use);
}

/** The number of the job that the user named: a number, a name (its newest job), or the newest. */
export async function findJob(client: ApiClient, named: string | undefined): Promise<number> {
  if (named !== undefined && /^[1-9]\d{0,14}$/.test(named)) return Number(named);
  for await (const job of allJobs(client)) {
    if (named === undefined || job.name === named) return job.job;
  }
  if (named === undefined) throw cliErrors.create('JOB_NONE');
  throw cliErrors.create('JOB_NAME_UNKNOWN', { name: named });
}

/** `3.17` → job and task; `3` or a name → job. Throws TASK_NUMBER_WRONG. */
export async function findTask(
  client: ApiClient,
  named: string | undefined,
): Promise<{ job: number; task: number | null }> {
  const parts = /^(.+)\.(\d{1,15})$/.exec(named ?? '');
  if (parts) {
    const { job, isWhole } = await jobOfPart(client, parts[0], parts[1]!);
    return { job, task: isWhole ? null : Number(parts[2]) };
  }
  if (named !== undefined && /^\d+\./.test(named)) {
    throw cliErrors.create('TASK_NUMBER_WRONG', { found: named });
  }
  return { job: await findJob(client, named), task: null };
}

/** The job of `name.…`; names may end like this, too: a job that is called so as a whole goes first. */
async function jobOfPart(
  client: ApiClient,
  whole: string,
  name: string,
): Promise<{ job: number; isWhole: boolean }> {
  if (/^\d+$/.test(name)) return { job: await findJob(client, name), isWhole: false };
  for (const [called, isWhole] of [[whole, true] as const, [name, false] as const]) {
    for await (const job of allJobs(client))
      if (job.name === called) return { job: job.job, isWhole };
  }
  throw cliErrors.create('JOB_NAME_UNKNOWN', { name: whole });
}

/** Tasks of a job as a user names them: `3` or a name is all of them. */
export interface NamedTasks {
  readonly job: number;
  /** The first and the last; null: all. */
  readonly range: readonly [number, number] | null;
}

/** `3.17`, `3.17-20`, `3`, or the same with a name for the job. Throws TASK_NUMBER_WRONG. */
export async function findTasks(client: ApiClient, named: string): Promise<NamedTasks> {
  const parts = /^(.+)\.(\d{1,15})-(\d{1,15})$/.exec(named);
  if (!parts) {
    const { job, task } = await findTask(client, named);
    return { job, range: task === null ? null : [task, task] };
  }
  const [first, last] = [Number(parts[2]), Number(parts[3])];
  if (last < first) throw cliErrors.create('TASK_NUMBER_WRONG', { found: named });
  const { job, isWhole } = await jobOfPart(client, parts[0], parts[1]!);
  return { job, range: isWhole ? null : [first, last] };
}

/** What was named, by job; null: all tasks of it. A job named as a whole includes its tasks. */
export async function findAllTasks(
  client: ApiClient,
  names: readonly string[],
): Promise<Map<number, [number, number][] | null>> {
  const wanted = new Map<number, [number, number][] | null>();
  for (const name of names) {
    const { job, range } = await findTasks(client, name);
    const known = wanted.get(job);
    if (range === null || known === null) wanted.set(job, null);
    else wanted.set(job, [...(known ?? []), [...range]]);
  }
  return wanted;
}

/** As `findTask`, for a command that also has --task. Throws USAGE_WRONG when both name one. */
export async function findTaskOr(
  option: number | undefined,
  client: ApiClient,
  named: string | undefined,
): Promise<{ job: number; task: number | undefined }> {
  const { job, task } = await findTask(client, named);
  if (task !== null && option !== undefined && task !== option) {
    const problem = `${named} names task ${task}, and --task task ${option}`;
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow --help' });
  }
  return { job, task: task ?? option };
}

/** Every job, newest first, page by page. */
export async function* allJobs(
  client: ApiClient,
  asked: {
    readonly state?: JobSummary['state'] | undefined;
    readonly constraint?: string;
    readonly attributes?: string;
  } = {},
): AsyncGenerator<JobSummary> {
  let from: number | undefined;
  do {
    const page = await client.call('listJobs', { query: { ...asked, from, limit: 1000 } });
    yield* page.jobs;
    from = page.next ?? undefined;
  } while (from !== undefined);
}
