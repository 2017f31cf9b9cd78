/**
 * Where the worker can have a group of its own, found by trying, tree by tree. In version 2 a group
 * that hands controllers down may hold no processes itself ("no internal processes", cgroups(7)):
 * where only Windrow's own are in the way, they step aside into a leaf; where others are, nothing of
 * theirs is touched.
 */
import { messageOf, systemCodeOf, systemReasonOf } from '#base';
import type { Hand } from '../walls/operation.ts';
import { membersOf } from './end-members.ts';
import type { GroupFiles } from './group-files.ts';
import { type Controller, type Hierarchy, wordsOf } from './hierarchies.ts';
import type { CgroupOperation } from './operation.ts';
import type { Branch } from './roles.ts';

/** Controllers that cannot be had, and why. */
export interface GroupGap {
  readonly controllers: readonly Controller[];
  readonly reason: string;
  readonly remedy: string;
}

export interface SettleWorld {
  readonly files: GroupFiles;
  readonly hand: Hand<CgroupOperation>;
  /** Names the group in every tree; nobody else's is called so. */
  readonly name: string;
  readonly isRoot: boolean;
  /** Group below which to make it, relative to the mount; `''`: the own one. */
  readonly base: string;
  /** Of Windrow itself: may be moved aside. */
  isOurs(pid: number): boolean;
}

/** What was done in one tree; all of it stands until its operations are undone in reverse. */
export interface Settlement {
  readonly operations: readonly CgroupOperation[];
  /** The worker's group; null: none could be made. */
  readonly branch: Branch | null;
  readonly gap: GroupGap | null;
}

/**
 * Below the own group if that works whole; otherwise, for root, at the top of the tree, where the rule
 * about processes does not hold. Never rejects: what cannot be had is a gap.
 */
export async function settle(tree: Hierarchy, world: SettleWorld): Promise<Settlement> {
  if (world.base !== '') return settleBelow(tree, `${tree.mountPoint}/${world.base}`, world);
  const below = await settleBelow(tree, tree.own, world);
  if (below.gap === null || !world.isRoot || tree.own === tree.mountPoint) return below;
  await undoAll(below.operations, world.hand);
  const top = await settleBelow(tree, tree.mountPoint, world);
  if (handedDown(top) > handedDown(below)) return top;
  await undoAll(top.operations, world.hand);
  return settleBelow(tree, tree.own, world);
}

export async function undoAll(
  operations: readonly CgroupOperation[],
  hand: Hand<CgroupOperation>,
): Promise<void> {
  for (const operation of operations.toReversed()) await hand.undo(operation);
}

function handedDown({ branch }: Settlement): number {
  return branch === null ? -1 : branch.controllers.length;
}

async function settleBelow(tree: Hierarchy, base: string, world: SettleWorld): Promise<Settlement> {
  const attempt = new Attempt(base, world);
  const path = `${base}/${world.name}`;
  const { version } = tree;
  const offered = version === 1 ? tree.controllers : offeredIn(base, world.files);
  try {
    await attempt.does({ part: 'cgroup', do: 'make', path, version, controllers: offered });
  } catch (error) {
    return { operations: [], branch: null, gap: unwritable(tree, base, error) };
  }
  const usable = version === 1 ? offered : await attempt.handDown(path, offered);
  const missing = offered.filter((controller) => !usable.includes(controller));
  return {
    operations: attempt.done,
    branch: { path, version, controllers: usable },
    gap: missing.length === 0 ? null : { controllers: missing, ...attempt.obstacle },
  };
}

/** Controllers that limit; figures and killing need none in version 2. */
const LIMITING: readonly Controller[] = ['cpu', 'memory', 'pids', 'io', 'cpuset'];

function offeredIn(base: string, files: GroupFiles): Controller[] {
  const words = new Set(wordsOf(files.read(`${base}/cgroup.controllers`)));
  return LIMITING.filter((controller) => words.has(controller));
}

interface Obstacle {
  readonly reason: string;
  readonly remedy: string;
}

/** One try in one group; remembers what it did, and what stood in its way. */
class Attempt {
  readonly done: CgroupOperation[] = [];
  obstacle: Obstacle = { reason: '', remedy: '' };
  readonly #base: string;
  readonly #world: SettleWorld;

  constructor(base: string, world: SettleWorld) {
    this.#base = base;
    this.#world = world;
  }

  /** Throws what the hand throws; then nothing was done. */
  async does(operation: CgroupOperation): Promise<void> {
    await this.#world.hand.carryOut(operation);
    this.done.push(operation);
  }

  /** From the base into the worker's group, and from there on. Returns what arrives. */
  async handDown(group: string, wanted: readonly Controller[]): Promise<Controller[]> {
    await this.#enable(this.#base, wanted);
    const arrived = offeredIn(group, this.#world.files);
    await this.#enable(group, arrived);
    return enabledIn(group, this.#world.files);
  }

  /** One by one: a controller that cannot be handed down must not take the others with it. */
  async #enable(path: string, wanted: readonly Controller[]): Promise<void> {
    const already = enabledIn(path, this.#world.files);
    for (const controller of wanted.filter((one) => !already.includes(one))) {
      const operation = { part: 'cgroup', do: 'hand-down', path, controller } as const;
      try {
        await this.does(operation);
      } catch (error) {
        const isHeld = systemCodeOf((error as { cause?: unknown }).cause) === 'EBUSY';
        if (isHeld && (await this.#stepAside(path))) {
          await this.does(operation).catch((again) => this.#note(path, again));
        } else if (!isHeld) this.#note(path, error);
      }
    }
  }

  /** False when others are in the way, or it was done already. */
  async #stepAside(path: string): Promise<boolean> {
    const { files, isOurs, name } = this.#world;
    const leaf = `${path}/${asideName(name)}`;
    if (this.done.some((operation) => operation.do === 'step-aside')) return false;
    const others = membersOf(path, files, 'itself').filter((pid) => !isOurs(pid));
    if (others.length > 0) {
      this.obstacle = othersInTheWay(path, others);
      return false;
    }
    await this.does({ part: 'cgroup', do: 'step-aside', path, leaf });
    return true;
  }

  #note(path: string, error: unknown): void {
    this.obstacle = {
      reason: `${path} does not hand controllers down: ${messageOf(error)}`,
      remedy: DELEGATE,
    };
  }
}

function enabledIn(group: string, files: GroupFiles): Controller[] {
  const words = new Set(wordsOf(files.read(`${group}/cgroup.subtree_control`)));
  return LIMITING.filter((controller) => words.has(controller));
}

/** The leaf that the worker itself steps into. */
export function asideName(name: string): string {
  return `${name}-worker`;
}

const DELEGATE =
  'start the worker in a group of its own: systemd-run --user --scope -p Delegate=yes windrow worker …';

function othersInTheWay(group: string, others: readonly number[]): Obstacle {
  const some = others.slice(0, 3).join(', ');
  const more = others.length > 3 ? ' …' : '';
  return {
    reason: `${group} holds processes that are not Windrow's (${some}${more})`,
    remedy: DELEGATE,
  };
}

function unwritable(tree: Hierarchy, base: string, error: unknown): GroupGap {
  const cause = (error as { cause?: unknown }).cause ?? error;
  return {
    controllers: tree.controllers,
    reason: `no group can be made in ${base}: ${systemReasonOf(cause)}`,
    remedy:
      tree.version === 2
        ? DELEGATE
        : `let root make a group in ${tree.mountPoint}, give it to the worker's account and name it in the setting cgroup`,
  };
}
