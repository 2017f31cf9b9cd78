import type { ApiClient } from '#wire';
import { findAllTasks, toChange } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { formatCount } from '../format.ts';
import type { hold as holdSpec, release as releaseSpec, rm as rmSpec } from '../table/change.ts';
import type { World } from '../world.ts';
import { changeJob } from './change-job.ts';

type Ranges = [number, number][] | null;
type Action = 'hold' | 'release' | 'remove';

const PAST = { hold: 'held', release: 'released', remove: 'removed' } as const;

/** `windrow hold` */
export async function hold(input: CommandInput<typeof holdSpec>, world: World): Promise<number> {
  return await changeTasks('hold', input, world, input.options.subcode);
}

/** `windrow release` */
export async function release(
  input: CommandInput<typeof releaseSpec>,
  world: World,
): Promise<number> {
  return await changeTasks('release', input, world);
}

/** `windrow rm`: jobs as a whole, or tasks of them */
export async function rm(input: CommandInput<typeof rmSpec>, world: World): Promise<number> {
  return await changeTasks('remove', input, world);
}

type Input = CommandInput<typeof releaseSpec>;

async function changeTasks(
  action: Action,
  input: Input,
  world: World,
  subcode?: number,
): Promise<number> {
  await toChange(input, world, async (client) => {
    // All are looked up first: a mistyped name changes nothing.
    for (const [job, ranges] of await findAllTasks(client, input.args)) {
      if (action === 'remove' && ranges === null) {
        await changeJob(client, job, 'remove', input, world);
      } else await changeOf(client, job, { action, ranges, subcode }, input, world);
    }
  });
  return 0;
}

async function changeOf(
  client: ApiClient,
  job: number,
  { action, ranges, subcode }: { action: Action; ranges: Ranges; subcode: number | undefined },
  { options }: Input,
  world: World,
): Promise<void> {
  const body = {
    action,
    reason: options.reason ?? '',
    ...(ranges && { tasks: ranges }),
    ...(subcode !== undefined && { subcode }),
  };
  const answer = await client.call('changeTasks', { params: { job }, body });
  if (options.json) return await world.stdout.json({ job, ...answer });
  const { changed, stopping } = answer;
  const later =
    stopping === 0 ? '' : `, ${formatCount(stopping)} will be when what runs has been stopped`;
  const tasks = changed === 1 ? 'task is' : 'tasks are';
  await world.stdout.line(`job ${job}: ${formatCount(changed)} ${tasks} ${PAST[action]}${later}`);
}
