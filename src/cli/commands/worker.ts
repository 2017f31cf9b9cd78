import { resolve } from 'node:path';
import type { CommandInput } from '../command.ts';
import { logChoice } from '../log-choice.ts';
import type { WorkerOptions } from '../port.ts';
import type { worker as spec } from '../table/serve.ts';
import type { World } from '../world.ts';

/** `windrow worker` */
export async function worker(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { values } = input.settings;
  const { sessionStdin, report, firstContact, logFile } = input.options;
  const inDirectory = (path: string | undefined) =>
    path === undefined ? null : resolve(world.surroundings.directory, path);
  const options: WorkerOptions = {
    server: values.server,
    stateDirectory: values.stateDirectory,
    slots: values.slots,
    directory: values.workerDirectory,
    sessionFile: values.sessionFile,
    name: input.options.name,
    waitForLine: input.options.waitForLine,
    sessionFromInput: sessionStdin,
    report: inDirectory(report),
    firstContactMs: firstContact,
    logFile: inDirectory(logFile),
    starter: values.workerStarter as WorkerOptions['starter'],
    log: logChoice(input.settings, world),
  };
  return await input.composition.worker(options, world);
}
