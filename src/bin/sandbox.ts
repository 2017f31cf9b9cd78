/** `windrow doctor` and `windrow sandbox`: the walls of this machine, without a server. */
import { randomUUID } from 'node:crypto';
import { fstatSync, mkdirSync } from 'node:fs';
import { hostname, totalmem } from 'node:os';
import { join } from 'node:path';
import { formatBytes, formatDuration, loginName, removeTree } from '#base';
import type { Sandbox, SandboxEnd, SandboxPlan, SandboxWish, WallsFound, World } from '#cli';
import { type Measured, NO_ISOLATION, usageOf } from '#model';
import {
  type Exceeded,
  findLauncher,
  openStarter,
  type ProgramEnd,
  type RunningProgram,
  type StartFailure,
  trackingWays,
  type WallPlan,
  type Walls,
} from '#sandbox';
import { takeDirectory } from '#worker';
import { binErrors } from './errors.ts';
import { mountUnderScratch } from './mount-under-scratch.ts';
import { limitDisk, limitProcesses } from './sandbox-limits.ts';
import { levelOf, trackingOf, wallsFor } from './worker-walls.ts';

const KILL_GRACE_MS = 5000;
const NAME = 'sandbox';

export const sandbox: Sandbox = {
  examine: (values, workerDirectory) =>
    inPlace({ values, workerDirectory, isolation: NO_ISOLATION }, examine(values)),
  plan: (wish) =>
    inPlace(wish, async (place) => {
      const plan = await planIn(place, wish);
      return printablePlan(plan, wish);
    }),
  run: (wish, world) => inPlace(wish, (place) => runIn(place, wish, world)),
};

/** A place of its own, as a worker's, with a lock: what was left there by one that was killed is gone. */
interface Place {
  readonly own: string;
  readonly walls: Walls;
  readonly remarks: string[];
}

async function inPlace<T>(
  {
    values,
    workerDirectory,
    isolation,
  }: Pick<SandboxWish, 'values' | 'workerDirectory' | 'isolation'>,
  use: (place: Place) => Promise<T>,
): Promise<T> {
  const owner = { worker: randomUUID(), session: '', server: '' };
  const dir = join(workerDirectory, NAME);
  const directory = takeDirectory({ dir, owner, host: hostname(), exclusive: false });
  try {
    const remarks: string[] = [];
    const log = { warn: (_: object, sentence: string) => void remarks.push(sentence) };
    // Whoever asks is whoever allows it.
    const writableDirectories = [...values.writableDirectories, ...isolation.write];
    // There will be one attempt: nothing is worth making ahead.
    const own = { ...values, writableDirectories, networkPrepared: 0 };
    const walls = await wallsFor({ values: own, secrets: [], log }, directory.own);
    await removeTree(join(directory.own, 'scratch'));
    try {
      return await use({ own: directory.own, walls, remarks });
    } finally {
      await walls.close();
    }
  } finally {
    directory.release();
  }
}

function examine(values: SandboxWish['values']) {
  return async ({ walls, remarks }: Place): Promise<WallsFound> => {
    const [abilities, { networks, roots }] = await Promise.all([
      walls.abilities(),
      walls.machine(),
    ]);
    const ways = abilities.map((one) => ({ reason: '', remedy: '', ...one }));
    const level = levelOf(values);
    const about = { way: trackingOf(values), level, hasLauncher: findLauncher() !== null };
    const tracking = trackingWays(about, abilities);
    return { level, ways, tracking, networks, roots, remarks };
  };
}

function scratchOf({ own }: Place): string {
  return join(own, 'scratch', NAME);
}

async function planIn(place: Place, wish: SandboxWish): Promise<WallPlan> {
  const { isolation, request, values } = wish;
  const scratch = scratchOf(place);
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const machine = { name: hostname(), cpus: 1, memoryBytes: totalmem() };
  const mounts = mountUnderScratch(values.mountUnderScratch, machine);
  return await place.walls.plan({
    name: NAME,
    owner: loginName(),
    slot: 1,
    cpus: [],
    devices: [],
    request,
    isolation,
    scratch,
    directory: wish.directory ?? scratch,
    mountUnderScratch: mounts({ id: 0, name: NAME, request }),
    files: [],
  });
}

function printablePlan({ operations, launch, record }: WallPlan, wish: SandboxWish): SandboxPlan {
  const { prefix, cgroups, namespaces, files } = launch;
  const command = [...prefix, ...(prefix.length > 0 ? wish.words.slice(0, 1) : []), ...wish.words];
  return { operations, cgroups, namespaces, files, command, walls: record };
}

async function runIn(place: Place, wish: SandboxWish, world: World): Promise<SandboxEnd> {
  const plan = await planIn(place, wish);
  const { walls } = place;
  try {
    await walls.raise(plan);
    const exceeded: Exceeded[] = [];
    const { end, measured } = await execute(place, plan, wish, world, exceeded);
    await walls.endRemains(plan);
    const settled = await walls.settle(plan);
    exceeded.push(...tooManyLeft(end, plan, wish));
    exceeded.push(...settled.flatMap((one) => one.exceeded ?? []));
    measured.push(...settled.flatMap((one) => one.measured));
    const network = Object.assign({}, ...settled.map((one) => one.network));
    return {
      ...told(end, exceeded[0], wish),
      walls: plan.record,
      usage: usage(end, measured),
      network,
    };
  } finally {
    await walls.takeDown(plan);
    await removeTree(join(place.own, 'scratch'));
    for (const remark of place.remarks) world.stderr.attempt(`windrow: ${remark}\n`);
  }
}

/** They may have come, and the command have failed for want of more, between two looks. */
function tooManyLeft({ strays }: ProgramEnd, plan: WallPlan, { request }: SandboxWish): Exceeded[] {
  const limit = request.processes;
  if (limit === 0 || strays <= limit || plan.record.had.includes('tasks')) return [];
  return [{ wall: 'tasks', limit, peak: strays, shared: false }];
}

function usage({ wallMs }: ProgramEnd, measured: readonly Measured[]) {
  return usageOf(wallMs, ...measured);
}

/** Throws SANDBOX_NOT_STARTED. */
async function execute(
  place: Place,
  plan: WallPlan,
  wish: SandboxWish,
  world: World,
  exceeded: Exceeded[],
): Promise<{ end: ProgramEnd; measured: Measured[] }> {
  const { walls } = place;
  const tracking = trackingOf(wish.values);
  const starter = openStarter({ launcherPath: findLauncher(), tracking });
  let program: RunningProgram | null = null;
  let written: Promise<unknown> = Promise.resolve();
  const stop = () => program?.kill(KILL_GRACE_MS);
  const exceed = (limit: Exceeded) => {
    exceeded.push(limit);
    program?.kill(0);
  };
  const unwatch = walls.watch(plan, exceed);
  const members = () => program?.processes() ?? [];
  const unlimit = limitProcesses(wish.request, plan.record.had, members, exceed);
  const { diskBytes } = wish.request;
  const directories = [scratchOf(place), ...plan.privateDirectories];
  const disk =
    diskBytes > 0 ? await limitDisk(directories, wish.directory, diskBytes, exceed) : null;
  try {
    program = starter.start({
      file: wish.words[0]!,
      argv: wish.words,
      environment: environmentOf(plan, world),
      directory: wish.directory ?? scratchOf(place),
      stdin: ownInput(),
      timeoutMs: wish.timeoutMs,
      killGraceMs: KILL_GRACE_MS,
      walls: plan.launch,
      onOutput: (stream, bytes) => {
        // Nobody reads it any more: then there is nothing to go on for.
        written = Promise.all([written, world[stream].write(bytes)]).catch(stop);
      },
    });
    world.ending.addEventListener('abort', stop);
    if (world.ending.aborted) stop();
    const end = orRefused(await program.ended, wish);
    await written;
    return { end, measured: [end.measured, ...(disk ? [await disk.finish()] : [])] };
  } finally {
    world.ending.removeEventListener('abort', stop);
    unwatch();
    unlimit();
    await disk?.finish();
    await starter.close();
  }
}

function orRefused(end: ProgramEnd | StartFailure, { words }: SandboxWish): ProgramEnd {
  if (!('failed' in end)) return end;
  throw binErrors.create('SANDBOX_NOT_STARTED', { program: words[0]!, reason: end.message });
}

/** What it finds is what a program of the user finds anyway, but for what the walls change. */
function environmentOf(plan: WallPlan, { surroundings }: World): Record<string, string> {
  const kept = Object.entries(surroundings.environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^WINDROW_/.test(entry[0]),
  );
  return { ...Object.fromEntries(kept), ...plan.environment, PWD: plan.directory };
}

/** The launcher opens it by name; a socket cannot be opened so, and is taken for empty. */
function ownInput(): string | null {
  const path = `/proc/${process.pid}/fd/0`;
  try {
    return fstatSync(0).isSocket() ? null : path;
  } catch {
    return null;
  }
}

function told(
  end: ProgramEnd,
  exceeded: Exceeded | undefined,
  { timeoutMs, words }: SandboxWish,
): Pick<SandboxEnd, 'exitCode' | 'signal' | 'reason'> {
  const { exitCode, signal, timedOut } = end;
  const program = words[0]!;
  const failed = signal !== null || exitCode !== 0;
  const reason = timedOut
    ? `${program} ran longer than ${formatDuration(timeoutMs)}`
    : exceeded && failed
      ? `${program} was held to its ${wordOf(exceeded)}`
      : '';
  return { exitCode, signal, reason };
}

function wordOf({ wall, limit, peak }: Exceeded): string {
  // What the kernel holds never has more than its limit.
  const wanted = (formatted: string) => (peak > limit ? formatted : 'more');
  if (wall === 'tasks') return `${limit} processes; it wanted ${wanted(String(peak))}`;
  return `${formatBytes(limit)} of ${wall}; it wanted ${wanted(formatBytes(peak))}`;
}
