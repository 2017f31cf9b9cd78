/** Carries operations on cgroups out, and undoes them. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, systemCodeOf, systemReasonOf } from '#base';
import type { Wall } from '#model';
import { sandboxErrors } from '../errors.ts';
import type { Hand } from '../walls/operation.ts';
import { endMembers, membersOf } from './end-members.ts';
import type { GroupFiles } from './group-files.ts';
import type { LimitName } from './limits.ts';
import type { CgroupOperation, LimitGroup, MakeGroup } from './operation.ts';

export interface HandWorld {
  readonly files: GroupFiles;
  readonly clock: Clock;
  readonly giveUpMs: number;
}

export function createHand({ files, clock, giveUpMs }: HandWorld): Hand<CgroupOperation> {
  return {
    carryOut: (operation) => {
      try {
        carryOut(operation, files);
      } catch (error) {
        throw sandboxErrors.create(
          'WALL_NOT_RAISED',
          { wall: wallOf(operation), doing: wordsOf(operation), reason: systemReasonOf(error) },
          { cause: error },
        );
      }
      return undefined;
    },
    undo: (operation) => undo(operation, { files, clock, giveUpMs }),
  };
}

function carryOut(operation: CgroupOperation, files: GroupFiles): void {
  if (operation.do === 'make') makeGroup(operation, files);
  else if (operation.do === 'hand-down') {
    files.write(`${operation.path}/cgroup.subtree_control`, `+${operation.controller}`);
  } else if (operation.do === 'step-aside') stepAside(operation.path, operation.leaf, files);
  else setLimit(operation, files);
}

function makeGroup({ path, version, controllers }: MakeGroup, files: GroupFiles): void {
  files.make(path);
  if (version === 2 || !controllers.includes('cpuset')) return;
  if (files.read(`${path}/cpuset.cpus`)?.trim() === '') inheritCpus(path, files);
}

/** A new group of cpuset has no CPUs and no memory nodes, and takes no process until it has. */
function inheritCpus(path: string, files: GroupFiles): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    files.write(`${path}/${file}`, files.read(`${path}/../${file}`)?.trim() ?? '');
  }
}

function stepAside(path: string, leaf: string, files: GroupFiles): void {
  files.make(leaf);
  moveAll(path, leaf, files);
}

function moveAll(from: string, to: string, files: GroupFiles): void {
  for (const pid of membersOf(from, files, 'itself'))
    files.write(`${to}/cgroup.procs`, String(pid));
}

function setLimit(operation: LimitGroup, files: GroupFiles): void {
  let fault: unknown;
  for (const { file, value } of [operation, ...operation.otherwise]) {
    try {
      return files.write(`${operation.path}/${file}`, value);
    } catch (error) {
      fault ??= error;
    }
  }
  if (!operation.mayLack) throw fault;
}

function undo(operation: CgroupOperation, world: HandWorld): Promise<void> | undefined {
  const { files } = world;
  if (operation.do === 'make') return removeGroup(operation.path, operation, world);
  if (operation.do === 'hand-down') {
    const { path, controller } = operation;
    // Refused while another worker in the same group still hands it down.
    tryTo(() => files.write(`${path}/cgroup.subtree_control`, `-${controller}`));
  }
  if (operation.do === 'step-aside' && files.has(operation.leaf)) {
    tryTo(() => moveAll(operation.leaf, operation.path, files));
    return removeGroup(operation.leaf, operation, world);
  }
  return undefined;
}

function tryTo(act: () => void): void {
  try {
    act();
  } catch {
    // What it was to achieve is checked by what comes next.
  }
}

/** The usual group is empty and goes at once; undefined then. */
function removeGroup(
  path: string,
  operation: CgroupOperation,
  world: HandWorld,
): Promise<void> | undefined {
  const code = removeOnce(path, world.files);
  if (code === undefined) return undefined;
  return removeForSure(path, operation, world);
}

/** Undefined when it is gone. */
function removeOnce(path: string, files: GroupFiles): string | undefined {
  try {
    files.remove(path);
    return undefined;
  } catch (error) {
    const code = systemCodeOf(error);
    return code === 'ENOENT' ? undefined : (code ?? 'EIO');
  }
}

const TRIES = 8;

async function removeForSure(
  path: string,
  operation: CgroupOperation,
  { files, clock, giveUpMs }: HandWorld,
): Promise<void> {
  await endMembers(path, files, clock, giveUpMs);
  // The kernel may need a moment to forget the dead.
  for (let tries = 1, waitMs = 1; ; tries++, waitMs *= 2) {
    const reason = removeTree(path, files);
    if (reason === undefined) return;
    if (tries === TRIES) {
      const facts = { wall: wallOf(operation), doing: `removing ${path}`, reason };
      throw sandboxErrors.create('WALL_NOT_TAKEN_DOWN', facts);
    }
    await pause(waitMs);
  }
}

/** Deepest first, with groups that a program may have made inside. */
export function removeTree(path: string, files: GroupFiles): string | undefined {
  for (const inside of files.groupsIn(path)) removeTree(`${path}/${inside}`, files);
  return removeOnce(path, files);
}

const WALLS: Readonly<Record<LimitName, Wall>> = {
  'cpu weight': 'cpu',
  'cpu ceiling': 'cpu',
  'cpu pinning': 'cpu',
  'memory soft': 'memory',
  'memory hard': 'memory',
  swap: 'memory',
  'oom unit': 'memory',
  tasks: 'tasks',
  'io weight': 'cpu',
  'io limit': 'cpu',
};

function wallOf(operation: CgroupOperation): Wall {
  return operation.do === 'limit' ? WALLS[operation.limit] : 'track';
}

function wordsOf(operation: CgroupOperation): string {
  if (operation.do === 'make') return `making ${operation.path}`;
  if (operation.do === 'step-aside') return `moving the worker into ${operation.leaf}`;
  if (operation.do === 'hand-down')
    return `handing ${operation.controller} down in ${operation.path}`;
  return `writing "${operation.value}" to ${operation.path}/${operation.file}`;
}
