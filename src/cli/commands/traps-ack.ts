import { loginName } from '#base';
import { answersOf, changeEach, collectorUrls } from '../collectors.ts';
import type { CommandInput } from '../command.ts';
import type { ack as spec } from '../table/traps.ts';
import { trapTable } from '../trap-table.ts';
import type { World } from '../world.ts';

/** `windrow traps ack` */
export async function trapsAck(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const [id = '', ...named] = input.args;
  const { comment = '', by, withdraw, json } = input.options;
  const urls = await collectorUrls(named, input, world);
  const wish = { id, by: by ?? loginName(), comment, withdraw };
  const asked = await changeEach(urls, input, world, (client) => client.acknowledge(wish));
  const [trap] = answersOf(asked, world);
  if (json) await world.stdout.json({ trap });
  else await world.stdout.write(trapTable([trap!], world));
  return 0;
}
