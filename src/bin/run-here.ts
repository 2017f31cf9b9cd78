/** `windrow run` on a server of its own, from opening the state to the last worker's end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Address, messageOf, openLog, WindrowError } from '#base';
import {
  codedError,
  errorText,
  FOLLOWED,
  type PlannedSweep,
  type RunOptions,
  reachOf,
  runSweep,
  type TlsWish,
  type World,
} from '#cli';
import type { LocalWorker } from '#pilots';
import { layoutOf } from '#server';
import { ApiClient } from '#wire';
import type { Cluster } from './cluster.ts';
import { withHurry } from './hurry.ts';
import { KeptWorker } from './kept-worker.ts';
import { endWorker, type PreparedWorker } from './local-worker.ts';
import { type OpenServer, openServer } from './open-server.ts';

export interface RunHere {
  /** Absolute, of the state. */
  readonly directory: string;
  /** Run one after the other. */
  readonly sweeps: readonly PlannedSweep[];
  /** Null: workers come from outside, or nothing is to be run. */
  readonly worker: PreparedWorker | null;
  /** Machines that take part, or null. */
  readonly cluster: Cluster | null;
}

/** Machines reach a server on any of its addresses. */
const EVERYWHERE = '0.0.0.0';

const LOCAL = { host: '127.0.0.1', port: 0 };

/**
 * The port of a run that was killed, where its file tells of it: workers on machines still look for
 * their server there.
 */
function formerAddress(directory: string): Address {
  try {
    const { url } = JSON.parse(readFileSync(layoutOf(directory).endpoint, 'utf8'));
    return { host: EVERYWHERE, port: Number(new URL(url).port) };
  } catch {
    return { host: EVERYWHERE, port: 0 };
  }
}

/** Machines of a run get its address, and with it the pin, by ssh: nobody has to make anything. */
async function certificatesOf(stateDirectory: string): Promise<TlsWish> {
  const { ensureCertificates } = await import('./tls.ts');
  return await ensureCertificates(join(stateDirectory, 'tls'));
}

export async function runHere(
  { directory, sweeps, worker: ready, cluster }: RunHere,
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
  const tls =
    options.tls ?? (cluster && !options.insecure ? await certificatesOf(directory) : null);
  const openAt = (listen: Address) =>
    openServer({
      stateDirectory: directory,
      listen,
      isOwn: true,
      insecure: options.insecure,
      tls,
      leaseMs: options.leaseMs,
      pingMs: options.pingMs,
      diskReserveBytes: options.diskReserveBytes,
      policyFile: options.policyFile,
      policyMs: options.policyMs,
      sharing: options.sharing,
      executables: options.executables,
      traces: null,
      traps: null,
      environment: world.surroundings.environment,
      staging: options.staging,
      home: world.surroundings.home,
      readOnly: false,
      log: (level, message, facts) => log[level](facts ?? {}, message),
      onStop: (_mode, error) => {
        fault ??= error;
        stopping.abort();
      },
    });
  const usual = cluster ? formerAddress(directory) : LOCAL;
  const opening = openAt(options.listen ?? usual).catch((error: unknown) => {
    const isTaken = error instanceof WindrowError && error.code === 'PORT_TAKEN';
    if (!isTaken || options.listen) throw error;
    return openAt({ ...usual, port: 0 });
  });
  const opened = await opening.catch(async (error: unknown) => {
    await ready?.giveUp();
    throw error;
  });
  opened.server.expectJob(true);
  if (options.listen || cluster) world.stderr.attempt(`windrow: serving ${opened.url}\n`);
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
    if (cluster) await cluster.begin({ url: opened.url, session: opened.session, isOwn: true });
    const drain = () => {
      kept?.letGo();
      opened.server.drain();
    };
    const drainWhenDone = () => opened.server.drainWhenDone(() => kept?.letGo());
    const reach = reachOf(directory, world.surroundings.directory);
    const own = { ...opened, drain, drainWhenDone, reach };
    const code = await followAll(own, sweeps, options, world, stopping.signal);
    if (!fault) return code;
    tell(fault, options, world);
    return FOLLOWED.interrupted;
  } finally {
    await windDown(opened, (await kept?.release()) ?? null, cluster, world);
  }
}

/** Something went wrong amid the run; its end is still in order. */
function tell(error: unknown, { json }: RunOptions, world: World): void {
  const told = codedError(error, world.surroundings, world.clock.now());
  world.stderr.attempt(errorText(told, json));
}

interface DrainableServer extends OpenServer {
  /** Its worker is to end, and may: now, or with the last end of a task. */
  drain(): void;
  drainWhenDone(): void;
  /** What commands need to find it. */
  readonly reach: string;
}

/** The worst of their codes; what is interrupted is not gone on with. */
async function followAll(
  opened: DrainableServer,
  sweeps: readonly PlannedSweep[],
  options: RunOptions,
  world: World,
  until: AbortSignal,
): Promise<number> {
  let worst: number = FOLLOWED.succeeded;
  for (const [index, sweep] of sweeps.entries()) {
    const isLast = index === sweeps.length - 1;
    const code = await followHere(opened, sweep, isLast, options, world, until);
    worst = Math.max(worst, code);
    if (code === FOLLOWED.interrupted) break;
  }
  return worst;
}

async function followHere(
  opened: DrainableServer,
  sweep: PlannedSweep,
  isLast: boolean,
  options: RunOptions,
  world: World,
  until: AbortSignal,
): Promise<number> {
  const client = new ApiClient({ url: opened.url, token: opened.token });
  try {
    // The worker ends while the results are collected; clients from outside are told otherwise.
    const isAlone = isLast && !options.listen;
    const onSubmitted = () => {
      if (isAlone) opened.drainWhenDone();
    };
    const wish = { ...options, until, reach: opened.reach, onSubmitted };
    const code = await runSweep(client, sweep, wish, world);
    if (isLast) opened.server.expectJob(false);
    if (isAlone) opened.drain();
    if (code === FOLLOWED.interrupted || options.whyRerun || options.dryRun) return code;
    await opened.server.settled();
    if (isLast && options.listen) await opened.server.clientsTold(world.ending);
    // Others may share the state directory.
    const job = [...opened.server.core.jobs.values()].findLast(
      ({ spec, state }) => spec.output === sweep.spec.output && state !== 'removed',
    );
    if (job?.collectionError) {
      tell(job.collectionError, options, world);
      return FOLLOWED.failed;
    }
    if (sweep.spec.place === null && job?.collectedAtMs && !options.quiet && !options.json) {
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
  cluster: Cluster | null,
  world: World,
): Promise<void> {
  opened.server.drain();
  const running = opened.server.core.leases.size;
  if ((worker || cluster) && world.ending.aborted && running > 0) {
    world.stderr.attempt(
      `windrow: finishing ${running} running ${running === 1 ? 'task' : 'tasks'}; Ctrl-C again stops at once\n`,
    );
  }
  const ended = Promise.all([
    worker && endWorker(worker, () => opened.server.core.leases.size > 0),
    cluster && withHurry((hurry) => cluster.stop(hurry)),
  ]);
  // A worker that has said goodbye has only itself to end; meanwhile the server does so too. The state
  // stays taken: who comes next would find that worker still alive.
  await (cluster ? ended : Promise.race([ended, opened.server.deserted()]));
  await opened.close(ended);
}
