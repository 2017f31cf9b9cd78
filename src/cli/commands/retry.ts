import { findAllTasks, toChange } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { formatCount } from '../format.ts';
import type { retry as spec } from '../table/change.ts';
import type { World } from '../world.ts';

/** `windrow retry` */
export async function retry(input: CommandInput<typeof spec>, world: World): Promise<number> {
  await toChange(input, world, async (client) => {
    for (const [job, ranges] of await findAllTasks(client, input.args)) {
      const body = ranges === null ? {} : { tasks: ranges.flatMap(each).slice(0, MOST) };
      const answer = await client.call('retryJob', { params: { job }, body });
      if (input.options.json) await world.stdout.json({ job, ...answer });
      else await world.stdout.line(`job ${job}: ${formatCount(answer.retried)} tasks wait again`);
    }
  });
  return 0;
}

/** Most that the server takes at once. */
const MOST = 100_000;

function each([first, last]: readonly [number, number]): number[] {
  const count = Math.min(last - first + 1, MOST);
  return Array.from({ length: count }, (_, index) => first + index);
}
