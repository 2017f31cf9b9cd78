import type { JobStats } from '#wire';
import { findJob, toLook } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { costOf, costText, type Rates } from '../cost.ts';
import { cliErrors } from '../errors.ts';
import { statsText } from '../summary.ts';
import type { stats as spec } from '../table/look.ts';
import type { SettingValues, World } from '../world.ts';

/** `windrow stats` */
export async function stats(input: CommandInput<typeof spec>, world: World): Promise<number> {
  await toLook(input, world, async (client) => {
    const job = await findJob(client, input.args[0]);
    const figures = await client.call('getStats', { params: { job } });
    if (input.options.cost) return await tellCost(figures, input, world);
    if (input.options.json) await world.stdout.json(figures);
    else await world.stdout.write(statsText(figures, world.stdout));
  });
  return 0;
}

async function tellCost(
  figures: JobStats,
  input: CommandInput<typeof spec>,
  world: World,
): Promise<void> {
  const cost = costOf(figures, ratesOf(input.settings.values));
  if (cost === null) throw cliErrors.create('COST_NO_RATES');
  if (input.options.json)
    await world.stdout.json({ job: figures.job, name: figures.name, ...cost });
  else await world.stdout.write(costText(cost, world.stdout));
}

function ratesOf(values: SettingValues): Rates {
  return {
    currency: values.costCurrency,
    cpuHour: values.costCpuHour,
    memoryGibHour: values.costMemoryHour,
    outgoingGb: values.costOutgoing,
    incomingGb: values.costIncoming,
  };
}
