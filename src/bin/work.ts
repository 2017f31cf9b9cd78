/** `windrow worker`: the agent with the starter that this machine can give it. */
import { hostname, totalmem } from 'node:os';
import { openLog, systemClock } from '#base';
import type { WorkerOptions, World } from '#cli';
import { findLauncher, openStarter } from '#sandbox';
import { endpointFrom, runWorker } from '#worker';
import { binErrors } from './errors.ts';
import { VERSION } from './version.ts';

/** How long a worker without work waits for a server that does not answer. */
const GIVE_UP_MS = 300_000;
const CACHE_BYTES = 20 * 2 ** 30;

export async function work(options: WorkerOptions, world: World): Promise<number> {
  const log = await openLog({ ...options.log, write: (line) => void world.stderr.attempt(line) });
  const launcherPath = launcherFor(options.starter);
  if (options.waitForLine && !(await hasLine(world.stdin))) return 0;
  await runWorker({
    endpoint: endpointFrom(
      options.server === ''
        ? { kind: 'state', directory: options.stateDirectory }
        : { kind: 'url', url: options.server, sessionFile: sessionFileOf(options) },
    ),
    dir: options.directory,
    slots: options.slots,
    exclusive: true,
    cacheBytes: CACHE_BYTES,
    openStarter: () => openStarter({ launcherPath }),
    name: options.name ?? hostname(),
    version: VERSION,
    platform: `${process.platform}-${process.arch}`,
    hostEnvironment: world.surroundings.environment,
    memoryBytes: totalmem(),
    giveUpMs: GIVE_UP_MS,
    clock: systemClock,
    random: Math.random,
    log,
  });
  return 0;
}

async function hasLine(input: AsyncIterable<Buffer | string>): Promise<boolean> {
  for await (const piece of input) if (piece.includes('\n')) return true;
  return false;
}

function sessionFileOf({ sessionFile, stateDirectory }: WorkerOptions): string {
  return sessionFile || `${stateDirectory}/session`;
}

function launcherFor(starter: WorkerOptions['starter']): string | null {
  if (starter === 'spawn') return null;
  const found = findLauncher();
  if (found === null && starter === 'launcher') throw binErrors.create('LAUNCHER_MISSING');
  return found;
}
