/** `windrow run` on a server of its own, from opening the state to the last worker's end. */
import { messageOf, openLog } from '#base';
import {
  codedError,
  errorText,
  FOLLOWED,
  type PlannedSweep,
  type RunOptions,
  runSweep,
  type World,
} from '#cli';
import type { LocalWorker } from '#pilots';
import { ApiClient } from '#wire';
import { KeptWorker } from './kept-worker.ts';
import { endWorker, type PreparedWorker } from './local-worker.ts';
import { type OpenServer, openServer } from './open-server.ts';

export interface RunHere {
  /** Absolute, of the state. */
  readonly directory: string;
  readonly sweep: PlannedSweep;
  /** Null: workers come from outside, or nothing is to be run. */
  readonly worker: PreparedWorker | null;
}

export async function runHere(
  { directory, sweep, worker: ready }: RunHere,
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
  const opening = openServer({
    stateDirectory: directory,
    listen: options.listen ?? { host: '127.0.0.1', port: 0 },
    insecure: options.insecure,
    leaseMs: options.leaseMs,
    pingMs: options.pingMs,
    diskReserveBytes: options.diskReserveBytes,
    executables: options.executables,
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
  sweep: PlannedSweep,
  options: RunOptions,
  world: World,
  until: AbortSignal,
): Promise<number> {
  const client = new ApiClient({ url: opened.url, token: opened.token });
  try {
    const code = await runSweep(client, sweep, { ...options, until }, world);
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
