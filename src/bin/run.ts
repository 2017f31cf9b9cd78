/** `windrow run`: on a server that is named, or on one of its own with a worker beside it. */
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, openLog } from '#base';
import {
  codedError,
  errorText,
  FOLLOWED,
  type RunOptions,
  runSweep,
  type SubmitWish,
  type World,
} from '#cli';
import { type LocalWorker, startLocalWorker } from '#pilots';
import { ApiClient, readSecretFile } from '#wire';
import { lockPathOf, readLock } from '#worker';
import { KeptWorker } from './kept-worker.ts';
import { type OpenServer, openServer } from './open-server.ts';
import { planSweep } from './plan-sweep.ts';

/** A worker that was asked to end and has nothing to finish needs no longer than this. */
const WORKER_ENDS_MS = 10_000;

export async function run(options: RunOptions, world: World): Promise<number> {
  const cwd = world.surroundings.directory;
  const sweep = await planSweep(options, {
    cwd,
    searchPath: world.surroundings.environment.PATH ?? '',
  });
  if (options.server !== null) return runThere(options.server, sweep, options, world);
  const directory = options.stateDirectory ?? join(sweep.spec.output, '.windrow');
  return runHere(directory, sweep, options, world);
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
    return await runSweep(client, sweep, wishOf(options), world);
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
  const opened = await openServer({
    stateDirectory: directory,
    listen: options.listen ?? { host: '127.0.0.1', port: 0 },
    insecure: options.insecure,
    leaseMs: options.leaseMs,
    pingMs: options.pingMs,
    diskReserveBytes: options.diskReserveBytes,
    environment: world.surroundings.environment,
    readOnly: false,
    log: (level, message, facts) => log[level](facts ?? {}, message),
    onStop: (_mode, error) => {
      fault ??= error;
      stopping.abort();
    },
  });
  if (options.listen) world.stderr.attempt(`windrow: serving ${opened.url}\n`);
  const only = options.whyRerun || options.dryRun;
  let kept: KeptWorker | null = null;
  try {
    if (options.slots > 0 && !only) {
      kept = await KeptWorker.start({
        start: () => startWorker(directory, options, world),
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
    const told = codedError(fault, world.surroundings, world.clock.now());
    world.stderr.attempt(errorText(told, options.json));
    return FOLLOWED.interrupted;
  } finally {
    await windDown(opened, (await kept?.release()) ?? null, world);
  }
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
    if (code === FOLLOWED.interrupted || options.whyRerun || options.dryRun) return code;
    await opened.server.settled();
    // Others may share the state directory.
    const job = [...opened.server.core.jobs.values()].findLast(
      ({ spec, state }) => spec.output === sweep.spec.output && state !== 'removed',
    );
    if (job?.collectionError) throw job.collectionError;
    if (job?.collectedAtMs && !options.quiet && !options.json) {
      world.stderr.attempt(`windrow: results are in ${sweep.spec.output}\n`);
    }
    return code;
  } finally {
    await client.close();
  }
}

function startWorker(directory: string, options: RunOptions, world: World): Promise<LocalWorker> {
  const dir = join(directory, 'worker');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const program = fileURLToPath(new URL('./windrow.ts', import.meta.url));
  return startLocalWorker({
    argv: [
      process.execPath,
      program,
      'worker',
      ...['--state', directory, '--dir', dir, '--slots', String(options.slots)],
      ...['--worker-starter', options.workerStarter, '--log-level', 'info'],
    ],
    environment: { ...world.surroundings.environment, WINDROW_SERVER: undefined },
    dir,
    session: null,
    findHolder: () => {
      const state = readLock(lockPathOf(dir, hostname()));
      return state && { pid: state.holder.pid, life: state.life };
    },
  });
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

async function endWorker(worker: LocalWorker, isBusy: () => boolean): Promise<void> {
  let asked = 0;
  const again = (): void => {
    asked++;
    if (asked === 1) worker.stop();
    else worker.kill();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, again);
  // It was told by its sync to finish and end; one that hangs without work is ended.
  const hangs = setInterval(() => {
    if (!isBusy()) worker.kill();
  }, WORKER_ENDS_MS);
  try {
    await worker.ended;
  } finally {
    clearInterval(hangs);
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, again);
  }
}
