import type { CommandInput } from '../command.ts';
import { logChoice } from '../log-choice.ts';
import type { serve as spec } from '../table/serve.ts';
import type { World } from '../world.ts';

/** `windrow serve` */
export async function serve(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { listen, stateDirectory, insecure, leaseMs, pingMs, diskReserveBytes } =
    input.settings.values;
  const log = logChoice(input.settings, world);
  const options = { listen, stateDirectory, insecure, leaseMs, pingMs, diskReserveBytes, log };
  return await input.composition.serve(options, world);
}
