import type { CommandInput } from '../command.ts';
import type { version as spec } from '../table/about.ts';
import type { World } from '../world.ts';

/** `windrow version` */
export async function version(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const node = process.version;
  const platform = `${process.platform}-${process.arch}`;
  if (input.options.json) await world.stdout.json({ version: world.version, node, platform });
  else await world.stdout.line(`windrow ${world.version} (Node.js ${node}, ${platform})`);
  return 0;
}
