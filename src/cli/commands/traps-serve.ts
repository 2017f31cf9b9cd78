import type { CommandInput } from '../command.ts';
import { logChoice } from '../log-choice.ts';
import type { serve as spec } from '../table/traps.ts';
import { readTrapSettings } from '../trap-settings.ts';
import type { World } from '../world.ts';

/** `windrow traps serve` */
export async function trapsServe(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { settings, given } = readTrapSettings(input.options, world);
  const readyFd = input.options.readyFd ?? null;
  const log = logChoice(input.settings, world);
  const options = { settings: settings.values, given, readyFd, log };
  return await input.composition.serveTraps(options, world);
}
