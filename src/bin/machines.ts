/** `windrow start`, `stop` and `exec` on lists of machines. */
import { readFileSync, statSync } from 'node:fs';
import { canonicalPlatform, isLoopback, systemReasonOf, WindrowError } from '#base';
import type {
  MachineExecuted,
  MachineStarted,
  MachineStopped,
  Machines,
  MachineWish,
  StartWish,
  World,
} from '#cli';
import {
  type Crowd,
  type Executed,
  execMachines,
  type Machine,
  type MachineResult,
  parseNodeFile,
  runWindrow,
  type Started,
  type StopPlan,
  type Stopped,
  startMachines,
  stopMachines,
  urlsForMachines,
} from '#pilots';
import { sessionTag } from '#worker';
import { binErrors } from './errors.ts';
import { findExecutableIn } from './executables.ts';

/** A worker may take so much longer to reach the server than ssh to reach the machine. */
const CONTACT_TIMES = 2;
const LARGEST_FILE_BYTES = 8 * 1024 * 1024;

export const machines: Machines = {
  start: (wish, world, onNews) => startOnAll(readNodes(wish), wish, world, onNews),

  async stop(wish, world, hooks) {
    const list = inDirectory(readNodes(wish), wish.directory);
    return stopOnAll(crowdOf(list, wish, world), { mode: wish.now ? 'now' : 'drain' }, hooks);
  },

  async exec(wish, world, { onNews, onLine }) {
    const crowd = crowdOf(readNodes(wish), wish, world);
    const plan = {
      ...wish,
      onLine: ({ name }: Machine, line: string) => onLine(name, 'stdout', line),
    };
    const all = await execMachines(crowd, plan, {
      onResult: (result) => onNews(executedNews(result)),
      onErrorLine: ({ name }, line) => onLine(name, 'stderr', line),
    });
    return all.map(executedNews);
  },

  async windrow(wish, world, onLine) {
    const urlFor = urlsForMachines(wish);
    const find = findExecutableIn(wish.executables);
    const plan = {
      wordsFor: (ownAddress: string) => wish.wordsFor(urlFor(ownAddress)),
      input: wish.input,
      executableFor: (uname: string) => find(canonicalPlatform(uname)),
      onLine: ({ name }: Machine, line: string) => onLine(name, 'stdout', line),
    };
    const all = await runWindrow(crowdOf(readNodes(wish), wish, world), plan, {
      onErrorLine: ({ name }, line) => onLine(name, 'stderr', line),
    });
    return all.map(({ value, ...rest }) =>
      executedNews({ ...rest, value: value === null ? null : { exitCode: value, isCut: false } }),
    );
  },
};

/** Starts workers on machines, wherever their list came from. Throws PILOT_SERVER_LOCAL. */
export async function startOnAll(
  list: readonly Machine[],
  wish: Omit<StartWish, 'nodes'>,
  world: World,
  onNews: (news: MachineStarted) => void,
  signal: AbortSignal = world.ending,
): Promise<MachineStarted[]> {
  const urlFor = urlsForMachines(wish);
  // A server that nobody else reaches is told of before anything is begun.
  if (!list.every(({ host }) => isLoopback(host))) urlFor('');
  const find = findExecutableIn(wish.executables);
  const plan = {
    document: wish.session,
    sessionTag: sessionTag(wish.session),
    urlFor,
    executableFor: (uname: string) => find(canonicalPlatform(uname)),
    walls: wish.walls,
    contactMs: CONTACT_TIMES * wish.connectTimeoutMs,
  };
  const slotted = list.map((one) => ({ ...one, slots: one.slots || wish.slots }));
  const crowd = crowdOf(inDirectory(slotted, wish.directory), wish, world, signal);
  const all = await startMachines(crowd, plan, (result) => onNews(startedNews(result)));
  return all.map(startedNews);
}

/** Never rejects: what came of each machine is in its news. */
export async function stopOnAll(
  crowd: Crowd,
  which: Pick<StopPlan, 'mode' | 'sessionTag'>,
  { onNews, onAsked }: Parameters<Machines['stop']>[2],
): Promise<MachineStopped[]> {
  const plan = {
    ...which,
    onAsked: ({ name }: Machine, pids: readonly number[]) => onAsked(name, pids),
  };
  const all = await stopMachines(crowd, plan, (result) => onNews(stoppedNews(result)));
  return all.map(stoppedNews);
}

/** @throws WindrowError NODES_UNREADABLE, PILOT_NODES_WRONG */
export function readNodes({ nodes }: Pick<MachineWish, 'nodes'>): Machine[] {
  const unreadable = (reason: string) =>
    binErrors.create('NODES_UNREADABLE', { file: nodes.name, reason });
  try {
    if (statSync(nodes.path).size > LARGEST_FILE_BYTES) throw unreadable('it is too large');
    return parseNodeFile(readFileSync(nodes.path), nodes.name);
  } catch (error) {
    throw error instanceof WindrowError ? error : unreadable(systemReasonOf(error));
  }
}

export function inDirectory(list: readonly Machine[], directory: string): Machine[] {
  return list.map((one) => ({ ...one, directory: one.directory || directory }));
}

export function crowdOf(
  list: readonly Machine[],
  { parallel, connectTimeoutMs }: Pick<MachineWish, 'parallel' | 'connectTimeoutMs'>,
  world: World,
  signal: AbortSignal = world.ending,
): Crowd {
  const { environment } = world.surroundings;
  return {
    machines: list,
    ssh: { program: 'ssh', environment, connectTimeoutMs },
    parallel,
    clock: world.clock,
    signal,
  };
}

function startedNews({ machine, value, error, tookMs }: MachineResult<Started>): MachineStarted {
  return {
    machine: machine.name,
    state: value?.state ?? 'failed',
    worker: value?.worker ?? '',
    pid: value?.pid ?? 0,
    host: value?.host ?? '',
    platform: value ? canonicalPlatform(value.platform) : '',
    directory: value?.directory ?? '',
    program: value?.placed ?? '',
    url: value?.url ?? '',
    error,
    tookMs,
  };
}

function stoppedNews({ machine, value, error, tookMs }: MachineResult<Stopped>): MachineStopped {
  const state = value?.state ?? 'failed';
  return { machine: machine.name, state, pids: value?.pids ?? [], error, tookMs };
}

function executedNews({ machine, value, error, tookMs }: MachineResult<Executed>): MachineExecuted {
  const { exitCode = null, isCut = false } = value ?? {};
  return { machine: machine.name, exitCode, isCut, error, tookMs };
}
