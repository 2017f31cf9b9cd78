import { printable } from '#base';
import { findJob, toChange } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { formatCounts } from '../format.ts';
import type { pause as spec } from '../table/change.ts';
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

/** `windrow rm` */
export async function rm(input: Input, world: World): Promise<number> {
  return await changeJobs('remove', input, world);
}

async function changeJobs(
  action: 'pause' | 'resume' | 'remove',
  input: Input,
  world: World,
): Promise<number> {
  await toChange(input, world, async (client) => {
    // All are looked up first: a mistyped name changes nothing.
    const jobs = await Promise.all(input.args.map((name) => findJob(client, name)));
    for (const job of new Set(jobs)) {
      const body = { action, reason: input.options.reason ?? '' };
      const changed = await client.call('changeJob', { params: { job }, body });
      if (input.options.json) await world.stdout.json(changed);
      else {
        const name = printable(changed.name);
        await world.stdout.line(
          `job ${job} ${name}: ${changed.state} (${formatCounts(changed.counts)})`,
        );
      }
    }
  });
  return 0;
}
