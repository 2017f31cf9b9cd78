import type { CommandInput } from '../command.ts';
import { completionScript, SHELLS, type Shell } from '../completion-script.ts';
import { cliErrors } from '../errors.ts';
import type { completion as spec } from '../table/about.ts';
import type { World } from '../world.ts';

/** `windrow completion` */
export async function completion(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const shell = input.args[0] as Shell;
  if (!SHELLS.includes(shell)) {
    const problem = `found ${shell}, expected one of ${SHELLS.join(', ')}`;
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow completion --help' });
  }
  await world.stdout.write(completionScript(shell));
  return 0;
}
