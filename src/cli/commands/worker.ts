import type { CommandInput } from '../command.ts';
import { logChoice } from '../log-choice.ts';
import type { WorkerOptions } from '../port.ts';
import type { worker as spec } from '../table/serve.ts';
import type { World } from '../world.ts';

/** `windrow worker` */
export async function worker(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { values } = input.settings;
  const options: WorkerOptions = {
    server: values.server,
    stateDirectory: values.stateDirectory,
    slots: values.slots,
    directory: values.workerDirectory,
    sessionFile: values.sessionFile,
    name: input.options.name,
    waitForLine: input.options.waitForLine,
    starter: values.workerStarter as WorkerOptions['starter'],
    log: logChoice(input.settings, world),
  };
  return await input.composition.worker(options, world);
}
