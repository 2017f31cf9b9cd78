/**
 * The worker's own group, below which each attempt gets one: made in every tree that this process
 * may write to. In version 2 a group that hands controllers down may hold no processes itself
 * ("no internal processes", cgroups(7)): where only Windrow's own are in the way, they step aside
 * into a leaf; where others are, nothing of theirs is touched.
 */
import { systemCodeOf, systemReasonOf } from '#base';
import type { GroupFiles } from './group-files.ts';
import { type Controller, type Hierarchy, wordsOf } from './hierarchies.ts';

/** The part of the worker's group in one tree. */
export interface Branch {
  readonly version: 1 | 2;
  /** What it can limit or measure for the groups inside. */
  readonly controllers: ReadonlySet<Controller>;
  readonly directory: string;
}

/** Controllers that cannot be had, and why. */
export interface GroupGap {
  readonly controllers: readonly Controller[];
  readonly reason: string;
  readonly remedy: string;
}

export interface ParentWorld {
  readonly files: GroupFiles;
  /** Names the group in every tree; nobody else may use it. */
  readonly name: string;
  readonly isRoot: boolean;
  /** Of Windrow itself: may be moved aside. */
  isOurs(pid: number): boolean;
}

export interface ParentGroup {
  readonly branches: readonly Branch[];
  readonly gaps: readonly GroupGap[];
  /** Removes what was made; the groups inside are gone by then. Throws the system's error. */
  remove(): void;
}

/** Makes the worker's group wherever it can be had. Never throws: what cannot be had is a gap. */
export function makeParentGroup(
  hierarchies: readonly Hierarchy[],
  world: ParentWorld,
): ParentGroup {
  const made = hierarchies
    .filter((tree) => tree.version === 2 || tree.controllers.length > 0)
    .map((tree) => (tree.version === 2 ? makeSecond(tree, world) : makeFirst(tree, world)));
  return {
    branches: made.flatMap(({ branch }) => branch ?? []),
    gaps: made.flatMap(({ gap }) => gap ?? []),
    remove: () => {
      for (const { undo } of made) undo();
    },
  };
}

interface Made {
  readonly branch: Branch | null;
  readonly gap: GroupGap | null;
  readonly undo: () => void;
}

const NOTHING = () => {};

function makeFirst(tree: Hierarchy, world: ParentWorld): Made {
  const { files, name } = world;
  const directory = `${tree.own}/${name}`;
  try {
    files.make(directory);
    if (tree.controllers.includes('cpuset')) inheritCpus(tree.own, directory, files);
    const controllers = new Set(tree.controllers);
    return {
      branch: { version: 1, controllers, directory },
      gap: null,
      undo: () => files.remove(directory),
    };
  } catch (error) {
    return { branch: null, gap: unwritable(tree, error), undo: NOTHING };
  }
}

/** A new group of cpuset has no CPUs and no memory nodes, and takes no process until it has. */
function inheritCpus(from: string, directory: string, files: GroupFiles): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    files.write(`${directory}/${file}`, files.read(`${from}/${file}`)?.trim() ?? '');
  }
  files.write(`${directory}/cgroup.clone_children`, '1');
}

/** Controllers that hand limits down; figures and killing need none of them. */
const LIMITING: readonly Controller[] = ['cpu', 'memory', 'pids', 'io', 'cpuset'];

/**
 * Below the own group if that works whole, otherwise, for root, at the top of the tree, where the
 * rule about processes does not hold. What works in part is better than nothing.
 */
function makeSecond(tree: Hierarchy, world: ParentWorld): Made {
  const below = makeSecondIn(tree, tree.own, world);
  if (below.gap === null || !world.isRoot || tree.own === tree.mountPoint) return below;
  const top = makeSecondIn(tree, tree.mountPoint, world);
  const [better, worse] =
    top.branch && top.branch.controllers.size > (below.branch?.controllers.size ?? -1)
      ? [top, below]
      : [below, top];
  worse.undo();
  return better;
}

function makeSecondIn(tree: Hierarchy, base: string, world: ParentWorld): Made {
  const { files, name } = world;
  const directory = `${base}/${name}`;
  try {
    files.make(directory);
  } catch (error) {
    return { branch: null, gap: unwritable(tree, error), undo: NOTHING };
  }
  const offered = new Set(wordsOf(files.read(`${base}/cgroup.controllers`)));
  const wanted = LIMITING.filter((controller) => offered.has(controller));
  const aside = handDown(base, wanted, world);
  handDown(directory, wanted, world);
  const usable = enabledIn(directory, files);
  const missing = wanted.filter((controller) => !usable.has(controller));
  return {
    branch: { version: 2, controllers: usable, directory },
    gap: missing.length === 0 ? null : { controllers: missing, ...aside.obstacle },
    undo: () => {
      files.remove(directory);
      aside.undo();
    },
  };
}

interface Obstacle {
  readonly reason: string;
  readonly remedy: string;
}

interface HandedDown {
  readonly obstacle: Obstacle;
  readonly undo: () => void;
}

const UNTOLD: Obstacle = {
  reason: 'the kernel did not hand the controllers down',
  remedy: 'see cgroup.subtree_control of the groups above the worker',
};

/** Makes `group` hand `wanted` down to the groups inside it. */
function handDown(group: string, wanted: readonly Controller[], world: ParentWorld): HandedDown {
  const { files } = world;
  const already = enabledIn(group, files);
  const missing = wanted.filter((controller) => !already.has(controller));
  const fault = enable(group, missing, files);
  const undo = () => disable(group, missing, files);
  if (fault === null) return { obstacle: UNTOLD, undo };
  if (systemCodeOf(fault) !== 'EBUSY') return { obstacle: refused(group, fault), undo };
  const others = processesIn(group, files).filter((pid) => !world.isOurs(pid));
  if (others.length > 0) return { obstacle: othersInTheWay(group, others), undo };
  return stepAside(group, missing, world) ?? { obstacle: refused(group, fault), undo };
}

/** The leaf that the worker itself steps into. */
export function asideName(name: string): string {
  return `${name}-worker`;
}

/** Moves Windrow's processes into a leaf beside the attempts'. Null when that does not help. */
function stepAside(
  group: string,
  missing: readonly Controller[],
  { files, name }: ParentWorld,
): HandedDown | null {
  const leaf = `${group}/${asideName(name)}`;
  const back = () => {
    disable(group, missing, files);
    moveAll(leaf, group, files);
    files.remove(leaf);
  };
  try {
    files.make(leaf);
    moveAll(group, leaf, files);
  } catch {
    return null;
  }
  if (enable(group, missing, files) === null) return { obstacle: UNTOLD, undo: back };
  back();
  return null;
}

/**
 * One by one: a controller that cannot be handed down must not take the others with it. Null when
 * all went well, else the last error.
 */
function enable(group: string, controllers: readonly Controller[], files: GroupFiles): unknown {
  let fault: unknown = null;
  for (const controller of controllers) {
    try {
      files.write(`${group}/cgroup.subtree_control`, `+${controller}`);
    } catch (error) {
      fault = error;
    }
  }
  return fault;
}

function disable(group: string, controllers: readonly Controller[], files: GroupFiles): void {
  for (const controller of controllers) {
    try {
      files.write(`${group}/cgroup.subtree_control`, `-${controller}`);
    } catch {
      // Another worker in the same group still hands it down.
    }
  }
}

function enabledIn(group: string, files: GroupFiles): Set<Controller> {
  const words = new Set(wordsOf(files.read(`${group}/cgroup.subtree_control`)));
  return new Set(LIMITING.filter((controller) => words.has(controller)));
}

export function processesIn(group: string, files: GroupFiles): number[] {
  return wordsOf(files.read(`${group}/cgroup.procs`)).map(Number);
}

function moveAll(from: string, to: string, files: GroupFiles): void {
  for (const pid of processesIn(from, files)) files.write(`${to}/cgroup.procs`, String(pid));
}

const DELEGATE = 'systemd-run --user --scope -p Delegate=yes windrow worker …';

function unwritable(tree: Hierarchy, error: unknown): GroupGap {
  return {
    controllers: tree.controllers,
    reason: `no group can be made in ${tree.own}: ${systemReasonOf(error)}`,
    remedy:
      tree.version === 2
        ? `start the worker in a group of its own: ${DELEGATE}`
        : `let root make a group there and give it to the worker's account, or run the worker as root`,
  };
}

function othersInTheWay(group: string, others: readonly number[]): Obstacle {
  return {
    reason: `${group} holds processes that are not Windrow's (${others.slice(0, 3).join(', ')}${others.length > 3 ? ' …' : ''})`,
    remedy: `start the worker in a group of its own: ${DELEGATE}`,
  };
}

function refused(group: string, error: unknown): Obstacle {
  return {
    reason: `${group} does not hand controllers down: ${systemReasonOf(error)}`,
    remedy: `start the worker in a group of its own: ${DELEGATE}`,
  };
}
