import { join } from 'node:path';
import type { Level } from '#model';
import { type CommandInput, INTERRUPTED_EXIT } from '../command.ts';
import { findServer, SESSION_FILE } from '../find-server.ts';
import { newsJson, startedText, startTable, tellMachine } from '../machine-news.ts';
import { machineWish } from '../machine-wish.ts';
import type { MachineStarted } from '../machines-port.ts';
import type { start as spec } from '../table/machines.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow start` */
export async function start(input: Input, world: World): Promise<number> {
  const { options, settings, composition } = input;
  const server = await serverOf(input, world);
  const wish = {
    ...machineWish(input.args[0]!, settings, world),
    ...server,
    advertise: settings.values.advertise,
    executables: settings.values.executables,
    slots: options.slots ?? 0,
    directory: options.dir ?? '',
    // Under an account of one's own run one's own jobs, as on one's own machine, even as root.
    walls: (options.walls ?? 'bare') as Level,
  };
  const machines = await composition.machines();
  const urls = new Set<string>();
  const all = await machines.start(wish, world, (news) => {
    if (options.json) return;
    tellUrl(news, urls, world);
    tellMachine(news, startedText(news), world);
  });
  const up = all.filter(({ error }) => error === null).length;
  if (options.json) {
    await world.stdout.json({ server: server.url, up, machines: all.map(newsJson) });
  } else {
    await world.stdout.write(startTable(all, world));
    await world.stdout.line(`${up} of ${all.length} machines have a worker.`);
  }
  if (world.ending.aborted) return INTERRUPTED_EXIT;
  return up >= (options.atLeast ?? 1) ? 0 : 1;
}

/** Said once for each address: machines on different networks may use different ones. */
function tellUrl({ url }: MachineStarted, told: Set<string>, world: World): void {
  if (url === '' || told.has(url)) return;
  told.add(url);
  world.stderr.attempt(`windrow: workers connect to ${url}\n`);
}

/** Throws SERVER_NOT_FOUND, SECRET_FILE_…. */
async function serverOf(input: Input, world: World): Promise<{ url: string; session: string }> {
  const { settings, composition } = input;
  const { sessionFile, stateDirectory } = settings.values;
  const openState = (directory: string) => composition.openState(directory);
  const reached = await findServer(settings, { readOnly: false, openState }, world);
  const { readSecretFile } = await import('#wire');
  const file = sessionFile || join(reached.place ?? stateDirectory, SESSION_FILE);
  return { url: reached.url, session: await readSecretFile(file) };
}
