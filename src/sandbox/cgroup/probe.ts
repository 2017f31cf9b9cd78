/** Finds out by trying what cgroups can do here: a group is made, limited, joined and removed. */
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import { messageOf } from '#base';
import { runTool } from '../tool.ts';
import type { Ground } from '../walls/ground.ts';
import type { Hand } from '../walls/operation.ts';
import type { Ability } from '../walls/part.ts';
import { allowedCpus } from './allowed-cpus.ts';
import { type GroupFiles, kernelFiles } from './group-files.ts';
import { CONTROLLERS, type Controller, type Hierarchy, ownHierarchies } from './hierarchies.ts';
import { type GroupLimits, type LimitName, NO_LIMITS, settingsOf } from './limits.ts';
import type { CgroupOperation } from './operation.ts';
import { isOwnProcess } from './own-processes.ts';
import { limit, planGroup } from './plan-group.ts';
import { assignRoles, type Branch, branchWith } from './roles.ts';
import { asideName, type GroupGap, type Settlement, settle, undoAll } from './settle.ts';

/** What the part needs to plan. */
export interface CgroupFacts {
  /** Done once, before the first attempt. */
  readonly preparation: readonly CgroupOperation[];
  /** The worker's groups, one in each tree that it has. */
  readonly parents: readonly Branch[];
  /** What all attempts together may have. */
  readonly wholeMemoryBytes: number;
  /** Limits that the kernel took when they were tried. */
  readonly works: readonly LimitName[];
}

export interface ProbeWorld {
  readonly files: GroupFiles;
  readonly hand: Hand<CgroupOperation>;
  readonly trees: readonly Hierarchy[];
  readonly isRoot: boolean;
}

export interface ProbedGroups {
  readonly facts: CgroupFacts | null;
  readonly abilities: readonly Ability[];
  readonly remarks: readonly string[];
}

/** Leaves nothing behind. */
export async function probeGroups(ground: Ground, world: ProbeWorld): Promise<ProbedGroups> {
  const { files, hand, trees, isRoot } = world;
  const { base } = ground.settings.cgroup;
  const own = { files, hand, isRoot, base, name: ground.tag, isOurs: isOwnProcess };
  const before = await removeDead(trees, ground, world);
  const settled: Settlement[] = [];
  for (const tree of trees.filter(isUsable)) settled.push(await settle(tree, own));
  const parents = settled.flatMap(({ branch }) => branch ?? []);
  const gaps = trees.some(isUsable) ? settled.flatMap(({ gap }) => gap ?? []) : [NO_TREES];
  const wholeMemoryBytes = memoryForAttempts(trees, files);
  const preparation = [
    ...settled.flatMap(({ operations }) => operations),
    ...limitWhole(parents, wholeMemoryBytes),
  ];
  const trial = await tryGroup(parents, ground, world);
  const remarks = [...before, ...remarksOf(trial)];
  const done = [...preparation, ...trial.operations];
  await undoAll(done, hand).catch((error) => remarks.push(messageOf(error)));
  const abilities = WALLS.map((wall) => abilityOf(wall, parents, gaps, trial));
  const facts = { preparation, parents, wholeMemoryBytes, works: [...trial.works] };
  return { facts: trial.joinFault === '' ? facts : null, abilities, remarks };
}

/**
 * A group of the worker's name in the places where it would be made is that of a killed worker, since
 * the name is made from the directory that this one has locked.
 */
async function removeDead(
  trees: readonly Hierarchy[],
  { tag, settings }: Ground,
  { files, hand }: ProbeWorld,
): Promise<string[]> {
  const bases = trees.flatMap(({ own, mountPoint }) => [
    own,
    mountPoint,
    `${mountPoint}/${settings.cgroup.base}`,
  ]);
  const paths = [...new Set(bases)].flatMap((base) => [
    `${base}/${tag}`,
    `${base}/${asideName(tag)}`,
  ]);
  const said: string[] = [];
  for (const path of paths.filter((one) => files.has(one))) {
    try {
      await hand.undo({ part: 'cgroup', do: 'make', path, version: 2, controllers: [] });
      said.push(`removed the cgroup ${path} of a worker that was killed`);
    } catch (error) {
      said.push(messageOf(error));
    }
  }
  return said;
}

/** Version 1 has a tree for everything: those without limits or figures are left alone. */
function isUsable({ version, controllers }: Hierarchy): boolean {
  return version === 2 || controllers.length > 0;
}

const NO_TREES: GroupGap = {
  controllers: CONTROLLERS,
  reason: 'no cgroups are mounted here that this process has a place in',
  remedy: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup',
};

/** What is left to the machine itself, to the worker and to everybody else. */
const RESERVED_PART = 1 / 20;
const RESERVED_LEAST_BYTES = 64 * 2 ** 20;
const RESERVED_MOST_BYTES = 2 ** 30;

/** Of the machine's memory, or of what the worker's own group and those above it may have of it. */
export function memoryForAttempts(
  trees: readonly Hierarchy[] = ownHierarchies(),
  files: GroupFiles = kernelFiles,
): number {
  const groups = trees.flatMap(({ own, mountPoint }) => upTo(own, mountPoint));
  const limits = groups.flatMap((group) =>
    ['memory.max', 'memory.limit_in_bytes'].map((file) => Number(files.read(`${group}/${file}`))),
  );
  const bytes = Math.min(totalmem(), ...limits.filter((limit) => limit > 0));
  const reserved = Math.min(
    Math.max(bytes * RESERVED_PART, RESERVED_LEAST_BYTES),
    RESERVED_MOST_BYTES,
  );
  return Math.floor(Math.max(bytes - reserved, bytes / 2));
}

function upTo(group: string, mountPoint: string): string[] {
  const groups = [group];
  while (group !== mountPoint && group !== '/') {
    group = dirname(group);
    groups.push(group);
  }
  return groups;
}

/** Of the process numbers that the machine has. */
const WHOLE_TASKS_PART = 0.8;

/**
 * All attempts together, so that the worker and the machine live on. They are no unit of OOM: one
 * attempt out of memory must not take the others with it. A refusal is no fault, as each attempt has
 * limits of its own.
 */
function limitWhole(parents: readonly Branch[], memoryHardBytes: number): CgroupOperation[] {
  const limits: GroupLimits = { ...NO_LIMITS, memoryHardBytes, tasks: tasksForAttempts() };
  return (['memory', 'pids'] as const).flatMap((controller) => {
    const branch = branchWith(parents, controller);
    if (branch === null) return [];
    const settings = settingsOf(branch.version, controller, limits);
    const wanted = settings.filter((setting) => setting.limit !== 'oom unit');
    return wanted.map((setting) => limit(branch.path, { ...setting, mayLack: true }));
  });
}

function tasksForAttempts(): number {
  const most = ['pid_max', 'threads-max'].map((name) => {
    return Number(kernelFiles.read(`/proc/sys/kernel/${name}`)) || Number.POSITIVE_INFINITY;
  });
  return Math.floor(Math.min(4_194_304, ...most) * WHOLE_TASKS_PART);
}

interface Trial {
  /** To be undone. */
  readonly operations: readonly CgroupOperation[];
  /** Limits that the kernel takes. */
  readonly works: ReadonlySet<LimitName>;
  /** Why others are not taken. */
  readonly faults: ReadonlyMap<LimitName, string>;
  /** `''` when a process could join the group. */
  readonly joinFault: string;
}

const TRIAL_LIMITS: GroupLimits = {
  ...NO_LIMITS,
  cpuCeiling: 1,
  memorySoftBytes: 64 * 2 ** 20,
  memoryHardBytes: 64 * 2 ** 20,
  tasks: 64,
};
const JOIN = 'for file do echo 0 > "$file" || exit 71; done';

/** A group with every limit that may be asked for, and a process that joins it. */
async function tryGroup(
  parents: readonly Branch[],
  { settings }: Ground,
  { hand }: ProbeWorld,
): Promise<Trial> {
  const pinnedCpus = settings.cgroup.cpuPinning ? allowedCpus().slice(0, 1) : null;
  const limits = { ...TRIAL_LIMITS, pinnedCpus, io: settings.cgroup.io };
  const { operations, joins } = planGroup(parents, 'probe', limits);
  const faults = new Map<LimitName, string>();
  const taken = new Set<LimitName>();
  let joinFault = joins.length === 0 ? 'there is no group to join' : '';
  for (const operation of operations) {
    try {
      await hand.carryOut(operation);
      if (operation.do === 'limit') taken.add(operation.limit);
    } catch (error) {
      if (operation.do === 'limit') faults.set(operation.limit, messageOf(error));
      else joinFault ||= messageOf(error);
    }
  }
  joinFault ||= (await runTool(['/bin/sh', '-c', JOIN, 'sh', ...joins])).fault;
  const works = [...taken].filter((name) => !faults.has(name));
  return { operations, works: new Set(works), faults, joinFault };
}

const WALLS = ['track', 'cpu', 'memory', 'tasks'] as const;
type CgroupWall = (typeof WALLS)[number];

/** The controller that a wall is made of, and the limit without which it does not stand. */
const MADE_OF: Readonly<Record<Exclude<CgroupWall, 'track'>, [Controller, LimitName]>> = {
  cpu: ['cpu', 'cpu weight'],
  memory: ['memory', 'memory hard'],
  tasks: ['pids', 'tasks'],
};

const REPORT_IT = 'look at the files of the group; where they are in order, please report this';

function abilityOf(
  wall: CgroupWall,
  parents: readonly Branch[],
  gaps: readonly GroupGap[],
  { works, faults, joinFault }: Trial,
): Ability {
  const [controller, name] = wall === 'track' ? [null, null] : MADE_OF[wall];
  const branch = controller ? branchWith(parents, controller) : assignRoles(parents).members;
  const how = branch === null ? 'cgroup' : `cgroup v${branch.version}`;
  if (branch !== null && joinFault === '' && (name === null || works.has(name))) {
    return { wall, how, able: true };
  }
  const gap = gaps.find(
    ({ controllers }) => controller === null || controllers.includes(controller),
  );
  const { reason, remedy } =
    branch === null && gap ? gap : { reason: faultOf(), remedy: REPORT_IT };
  return { wall, how, able: false, reason, remedy };

  function faultOf(): string {
    return (
      joinFault || (name && faults.get(name)) || `no tree here has the controller ${controller}`
    );
  }
}

/** Said once: wishes of the administrator that this kernel does not grant. */
function remarksOf({ faults }: Trial): string[] {
  const needed = new Set<LimitName>(Object.values(MADE_OF).map(([, name]) => name));
  return [...faults].filter(([name]) => !needed.has(name)).map(([, fault]) => fault);
}
