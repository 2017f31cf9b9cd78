import { findJob, toLook } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { statsText } from '../summary.ts';
import type { stats as spec } from '../table/look.ts';
import type { World } from '../world.ts';

/** `windrow stats` */
export async function stats(input: CommandInput<typeof spec>, world: World): Promise<number> {
  await toLook(input, world, async (client) => {
    const job = await findJob(client, input.args[0]);
    const figures = await client.call('getStats', { params: { job } });
    if (input.options.json) await world.stdout.json(figures);
    else await world.stdout.write(statsText(figures, world.stdout));
  });
  return 0;
}
