/** `windrow run`: on a server that is named, or on one of its own with a worker beside it. */
import { join } from 'node:path';
import { makeDirectories, messageOf, openLog } from '#base';
import {
  codedError,
  errorText,
  FOLLOWED,
  type RunOptions,
  runSweep,
  type SubmitWish,
  type World,
} from '#cli';
import type { LocalWorker } from '#pilots';
import { ApiClient, readSecretFile } from '#wire';
import { KeptWorker } from './kept-worker.ts';
import { endWorker, prepareWorker } from './local-worker.ts';
import type { OpenServer } from './open-server.ts';
import { planSweep } from './plan-sweep.ts';

export async function run(options: RunOptions, world: World): Promise<number> {
  const cwd = world.surroundings.directory;
  const sweep = await planSweep(options, {
    cwd,
    searchPath: world.surroundings.environment.PATH ?? '',
  });
  if (options.server !== null) return runThere(options.server, sweep, options, world);
  const directory = options.stateDirectory ?? join(sweep.spec.output, '.windrow');
  makeOutput(sweep.spec.output);
  return runHere(directory, sweep, options, world);
}

/**
 * With the mode that the user's umask gives: only `.windrow` in it is private. A directory that
 * cannot be made is told of by whoever needs it first.
 */
function makeOutput(directory: string): void {
  try {
    makeDirectories(directory);
  } catch {}
}

type Sweep = Awaited<ReturnType<typeof planSweep>>;

function wishOf({ again, whyRerun, dryRun, json, quiet }: RunOptions): SubmitWish {
  return { again, whyRerun, dryRun, json, quiet };
}

async function runThere(
  url: string,
  sweep: Sweep,
  options: RunOptions,
  world: World,
): Promise<number> {
  const token = options.token || (await readSecretFile(options.tokenFile));
  const client = new ApiClient({ url, token });
  try {
    // That server may be on another machine: it collects in a place of its own, and the files are fetched.
    const there = { ...sweep, spec: { ...sweep.spec, output: '' } };
    return await runSweep(client, there, { ...wishOf(options), fetchTo: sweep.spec.output }, world);
  } finally {
    await client.close();
  }
}

async function runHere(
  directory: string,
  sweep: Sweep,
  options: RunOptions,
  world: World,
): Promise<number> {
  const log = await openLog({
    ...options.log,
    level: options.log.level === 'info' ? 'warn' : options.log.level,
    write: (line) => void world.stderr.attempt(line),
  });
  const stopping = new AbortController();
  let fault: unknown;
  const only = options.whyRerun || options.dryRun;
  const ready = options.slots > 0 && !only ? prepareWorker(directory, options, world) : null;
  // Loaded only now, while the worker's process loads its own part.
  const { openServer } = await import('./open-server.ts');
  const opening = openServer({
    stateDirectory: directory,
    listen: options.listen ?? { host: '127.0.0.1', port: 0 },
    insecure: options.insecure,
    leaseMs: options.leaseMs,
    pingMs: options.pingMs,
    diskReserveBytes: options.diskReserveBytes,
    traces: null,
    environment: world.surroundings.environment,
    readOnly: false,
    log: (level, message, facts) => log[level](facts ?? {}, message),
    onStop: (_mode, error) => {
      fault ??= error;
      stopping.abort();
    },
  });
  const opened = await opening.catch(async (error: unknown) => {
    await ready?.giveUp();
    throw error;
  });
  opened.server.expectJob(true);
  if (options.listen) world.stderr.attempt(`windrow: serving ${opened.url}\n`);
  let kept: KeptWorker | null = null;
  try {
    if (ready) {
      kept = await KeptWorker.start({
        start: () => ready.begin(),
        monotonic: () => world.clock.monotonic(),
        onRestart: (why) => log.warn({}, `${messageOf(why)}; another is started`),
        onFault: (error) => {
          fault ??= error;
          stopping.abort();
        },
      });
    }
    const code = await followHere(opened, sweep, options, world, stopping.signal);
    if (!fault) return code;
    tell(fault, options, world);
    return FOLLOWED.interrupted;
  } finally {
    await windDown(opened, (await kept?.release()) ?? null, world);
  }
}

/** Something went wrong amid the run; its end is still in order. */
function tell(error: unknown, { json }: RunOptions, world: World): void {
  const told = codedError(error, world.surroundings, world.clock.now());
  world.stderr.attempt(errorText(told, json));
}

async function followHere(
  opened: OpenServer,
  sweep: Sweep,
  options: RunOptions,
  world: World,
  until: AbortSignal,
): Promise<number> {
  const client = new ApiClient({ url: opened.url, token: opened.token });
  try {
    const code = await runSweep(client, sweep, { ...wishOf(options), until }, world);
    opened.server.expectJob(false);
    if (code === FOLLOWED.interrupted || options.whyRerun || options.dryRun) return code;
    await opened.server.settled();
    if (options.listen) await opened.server.clientsTold(world.ending);
    // Others may share the state directory.
    const job = [...opened.server.core.jobs.values()].findLast(
      ({ spec, state }) => spec.output === sweep.spec.output && state !== 'removed',
    );
    if (job?.collectionError) {
      tell(job.collectionError, options, world);
      return FOLLOWED.failed;
    }
    if (job?.collectedAtMs && !options.quiet && !options.json) {
      world.stderr.attempt(`windrow: results are in ${sweep.spec.output}\n`);
    }
    return code;
  } finally {
    await client.close();
  }
}

/**
 * The worker finishes what runs and gives back the rest, then the server ends. A second Ctrl-C
 * stops what runs at once; what was not finished goes on with the next `windrow run`.
 */
async function windDown(
  opened: OpenServer,
  worker: LocalWorker | null,
  world: World,
): Promise<void> {
  opened.server.drain();
  if (worker) {
    const running = opened.server.core.leases.size;
    if (world.ending.aborted && running > 0) {
      world.stderr.attempt(
        `windrow: finishing ${running} running ${running === 1 ? 'task' : 'tasks'}; Ctrl-C again stops at once\n`,
      );
    }
    await endWorker(worker, () => opened.server.core.leases.size > 0);
  }
  await opened.close();
}
