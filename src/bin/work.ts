/** `windrow worker`: the agent with the starter that this machine can give it. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { BoundedLogFile, type Clock, openLog, systemClock } from '#base';
import { codedError, type WorkerOptions, type World } from '#cli';
import { type StartReport, writeStartReport } from '#pilots';
import {
  allowedCpus,
  type FoundGpus,
  findGpus,
  findLauncher,
  gpuNodes,
  gpuVariables,
  memoryForAttempts,
  openStarter,
} from '#sandbox';
import { type EndpointSource, endpointFrom, readSessionLine, runWorker, sessionTag } from '#worker';
import { binErrors } from './errors.ts';
import { jobPluginRunner } from './job-plugins.ts';
import { mountUnderScratch } from './mount-under-scratch.ts';
import { PreparedStarters } from './prepared-starters.ts';
import { becomeSuccessor, type Inheritance, successorFor, takeInheritance } from './successor.ts';
import { VERSION } from './version.ts';
import { workerOffer } from './worker-offer.ts';
import { trackingOf, wallsFor } from './worker-walls.ts';

/** How long a worker without work waits for a server that does not answer. */
const GIVE_UP_MS = 300_000;
/** Slots whose starters are prepared while the worker waits; first programs of others wait 4 ms. */
const MOST_PREPARED = 8;
/** A server that is down over night still gets what was done. */
const DELIVER_MS = 86_400_000;

export async function work(options: WorkerOptions, world: World): Promise<number> {
  const report = (found: StartReport) => {
    if (options.report !== null) writeStartReport(options.report, found);
  };
  const file = options.logFile === null ? null : new BoundedLogFile(options.logFile);
  const write = (line: string) => (file ? file.write(line) : world.stderr.attempt(line));
  try {
    return await workWith(options, world, write, report);
  } catch (error) {
    report({ state: 'failed', error: codedError(error, world.surroundings, world.clock.now()) });
    throw error;
  } finally {
    file?.close();
  }
}

async function workWith(
  options: WorkerOptions,
  world: World,
  write: (line: string) => void,
  report: (found: StartReport) => void,
): Promise<number> {
  const log = await openLog({ ...options.log, write });
  const launcherPath = launcherFor(options.starter);
  const tracking = trackingOf(options.walls);
  const inheritance = takeInheritance();
  // What only looks at the machine is done while the server starts.
  const memoryBytes = memoryForAttempts();
  const offer = workerOffer(options.policy, { osRelease: osRelease(), host: hostname() });
  const { gpus, remarks } = await gpusFor(options);
  const starters = new PreparedStarters(() => openStarter({ launcherPath, tracking }));
  if (options.waitForLine && inheritance === null) {
    // Walls may first move all processes of this one's group to another, one by one.
    const isBare = options.walls.walls === 'bare';
    if (isBare) starters.prepare(Math.min(options.slots, MOST_PREPARED));
    if (!(await hasLine(world.stdin))) {
      await starters.close();
      return 0;
    }
  }
  const source = await sourceOf(options, inheritance, world);
  const { stateDirectory, sessionFile } = options;
  const store = `${options.directory}/data`;
  const secrets = [stateDirectory, sessionFile, store].filter((path) => path !== '');
  const name = options.name ?? hostname();
  const machine = { name, cpus: options.slots, memoryBytes };
  for (const remark of remarks) log.warn({}, remark);
  const session = source.kind === 'given' ? source.session : null;
  const tag = session === null ? '' : sessionTag(session);
  const successor = successorFor(options, log);
  const remainingMs = remainingOf(options.until, systemClock);
  const { environment, home } = world.surroundings;
  const dataWorld = { staging: options.staging, environment, home };
  const isSucceeded = await runWorker({
    endpoint: endpointFrom(source),
    sessionTag: tag,
    server: options.server,
    successor,
    dir: options.directory,
    slots: options.slots,
    exclusive: true,
    clientFile: options.clientFile,
    openData: async (directory, server, onEvent, peers) => {
      const { openWorkerStore } = await import('./stores.ts');
      const of = { directory, ...dataWorld, clock: systemClock, log, onEvent };
      return openWorkerStore(of, server, peers);
    },
    openPeers: options.staging.dataPeers
      ? async (hold) => (await import('./peers.ts')).openPeers(options.staging.peerPort, hold)
      : null,
    stager: options.staging.dataStager,
    runPlugin: jobPluginRunner(options.staging, world.surroundings.environment),
    openStarter: () => starters.take(),
    openWalls: (directory) => wallsFor({ values: options.walls, secrets, log }, directory),
    mountUnderScratch: mountUnderScratch(options.walls.mountUnderScratch, machine),
    name,
    runErrand: async (...errand) => {
      // Loaded only when it is wanted: every start of a worker is felt.
      const { errandRunner } = await import('./traces.ts');
      return await errandRunner(options.traces, `${options.directory}/begun-uploads`)(...errand);
    },
    version: VERSION,
    platform: `${process.platform}-${process.arch}`,
    policyFile: options.policyFile,
    policyMs: options.policyMs,
    hostEnvironment: world.surroundings.environment,
    memoryBytes,
    offer,
    pinnedCpus: options.walls.cpuPinning ? allowedCpus() : [],
    gpus: { gpus, variablesFor: (given) => gpuVariables(given, gpus), nodesFor: gpuNodes },
    giveUpMs: Math.max(GIVE_UP_MS, options.awayMs),
    deliverMs: Math.max(DELIVER_MS, options.awayMs),
    firstContactMs: options.firstContactMs ?? GIVE_UP_MS,
    awayMs: options.awayMs,
    remainingMs,
    drainMs: options.drainMs,
    onConnected: (worker) => report({ state: 'connected', worker, pid: process.pid }),
    clock: systemClock,
    random: Math.random,
    log,
  }).finally(() => starters.close());
  const leftMs = remainingMs();
  const isOver = world.ending.aborted || (leftMs !== null && leftMs <= 0);
  if (isSucceeded && successor?.path && !isOver) {
    const until =
      leftMs !== null && 'afterMs' in options.until! ? { afterMs: leftMs } : options.until;
    becomeSuccessor({ path: successor.path, options, session, sessionTag: tag, until });
  }
  return 0;
}

/** A duration is measured; a moment is one of the clock of day, also when that is set meanwhile. */
function remainingOf(until: WorkerOptions['until'], clock: Clock): () => number | null {
  if (until === null) return () => null;
  if ('atMs' in until) return () => until.atMs - clock.now();
  const endMs = clock.monotonic() + until.afterMs;
  return () => endMs - clock.monotonic();
}

function osRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

async function hasLine(input: AsyncIterable<Buffer | string>): Promise<boolean> {
  for await (const piece of input) if (piece.includes('\n')) return true;
  return false;
}

async function sourceOf(
  options: WorkerOptions,
  inheritance: Inheritance | null,
  { stdin }: World,
): Promise<EndpointSource> {
  const { server: url, stateDirectory } = options;
  if (url === '') return { kind: 'state', directory: stateDirectory };
  if (!options.sessionFromInput) return { kind: 'url', url, sessionFile: sessionFileOf(options) };
  return { kind: 'given', url, session: inheritance?.session ?? (await readSessionLine(stdin)) };
}

function sessionFileOf({ sessionFile, stateDirectory }: WorkerOptions): string {
  return sessionFile || `${stateDirectory}/session`;
}

async function gpusFor({ offerGpus }: WorkerOptions): Promise<FoundGpus> {
  return offerGpus ? findGpus() : { gpus: [], remarks: [] };
}

function launcherFor(starter: WorkerOptions['starter']): string | null {
  if (starter === 'spawn') return null;
  const found = findLauncher();
  if (found === null && starter === 'launcher') throw binErrors.create('LAUNCHER_MISSING');
  return found;
}
