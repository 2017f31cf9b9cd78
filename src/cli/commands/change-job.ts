import { printable } from '#base';
import type { ApiClient } from '#wire';
import { findJob, toChange } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { formatCounts } from '../format.ts';
import type { priority as prioritySpec, pause as spec } from '../table/change.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow pause` */
export async function pause(input: Input, world: World): Promise<number> {
  return await changeJobs('pause', input, world);
}

/** `windrow resume` */
export async function resume(input: Input, world: World): Promise<number> {
  return await changeJobs('resume', input, world);
}

/** `windrow priority` */
export async function priority(
  input: CommandInput<typeof prioritySpec>,
  world: World,
): Promise<number> {
  const { priority } = input.options;
  if (priority === undefined) {
    const problem = 'no priority is given, expected -p with a whole number like 5 or -5';
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow priority --help' });
  }
  return await changeJobs('prioritize', input, world, priority);
}

type Action = 'pause' | 'resume' | 'remove' | 'prioritize';

async function changeJobs(
  action: Action,
  input: Input,
  world: World,
  priority?: number,
): Promise<number> {
  await toChange(input, world, async (client) => {
    // All are looked up first: a mistyped name changes nothing.
    const jobs = await Promise.all(input.args.map((name) => findJob(client, name)));
    for (const job of new Set(jobs)) await changeJob(client, job, action, input, world, priority);
  });
  return 0;
}

/** One job, and says how it is now. */
export async function changeJob(
  client: ApiClient,
  job: number,
  action: Action,
  { options }: Pick<Input, 'options'>,
  world: World,
  priority?: number,
): Promise<void> {
  const body = {
    action,
    reason: options.reason ?? '',
    ...(priority !== undefined && { priority }),
  };
  const changed = await client.call('changeJob', { params: { job }, body });
  if (options.json) return await world.stdout.json(changed);
  const name = printable(changed.name);
  const now =
    action === 'prioritize' ? `priority ${changed.priority}, ${changed.state}` : changed.state;
  await world.stdout.line(`job ${job} ${name}: ${now} (${formatCounts(changed.counts)})`);
}
