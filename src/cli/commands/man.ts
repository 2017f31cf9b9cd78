import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { manualPage } from '../manual-page.ts';
import type { man as spec } from '../table/about.ts';
import { COMMANDS } from '../table.ts';
import type { World } from '../world.ts';

/** `windrow man` */
export async function man(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const name = input.args.length === 0 ? undefined : input.args.join(' ');
  const command = COMMANDS.find((one) => one.name === name);
  if (name !== undefined && !command) {
    const problem = `there is no command ${name}`;
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow --help' });
  }
  await world.stdout.write(manualPage(command ?? null, world.version));
  return 0;
}
