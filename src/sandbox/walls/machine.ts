/** What a machine can put up, found by trying, with everything that planning needs to know of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  LEVELS,
  type Level,
  type MachineWalls,
  NETWORKS,
  type Network,
  WALLS,
  type Wall,
} from '#model';
import { type Accounts, openAccounts } from '../account/accounts.ts';
import { createCgroupPart } from '../cgroup/part.ts';
import type { Fence, LastStage, ProbedFence } from '../fence/fence.ts';
import { probeFence } from '../fence/probe.ts';
import { createNetworkPart, realNetworkWorld } from '../network/part.ts';
import { createPlacePart } from '../place/part.ts';
import type { Starter } from '../port.ts';
import { type NamedRoots, openRoots } from '../roots/roots.ts';
import { syscallFilter } from '../syscalls/filter.ts';
import { groupIdAbility, unlessRuledOut } from '../tracking/ways.ts';
import type { Machine } from './choose.ts';
import type { Ground } from './ground.ts';
import type { Hands, PartName } from './operation.ts';
import type { Ability } from './part.ts';
import { makeReady, type ReadyPart } from './ready-part.ts';

export interface MachineOptions {
  readonly ground: Ground;
  /** What attempts get whose jobs say nothing. */
  readonly level: Level;
  /** Who jobs run as when the worker is root; see `openAccounts`. */
  readonly account: string;
  /** Absolute path of the launcher, or null. */
  readonly launcher: string | null;
  readonly openStarter: () => Starter;
  /** Told what went wrong beside any attempt. */
  readonly complain: (error: unknown) => void;
  /** Told what an administrator should know of. */
  readonly remark: (sentence: string) => void;
}

/** Whether a wall of the level that attempts get by themselves cannot be put up. */
export function lackingOf(level: Level, abilities: readonly Ability[]): readonly Ability[] {
  return LEVELS[level].flatMap((wall) => {
    const ways = abilities.filter((ability) => ability.wall === wall);
    return ways.some(({ able }) => able) ? [] : ways.slice(0, 1);
  });
}

export interface FoundMachine {
  readonly machine: Machine;
  readonly advertised: MachineWalls;
  /** Every way to every wall; a wall stands here when one of its ways is open. */
  readonly abilities: readonly Ability[];
  readonly parts: readonly ReadyPart[];
  readonly hands: Hands;
  readonly fence: Fence | null;
  readonly lastStage: LastStage | null;
  readonly accounts: Accounts;
  readonly roots: NamedRoots;
  /** Attempts get a group by which their processes are known. */
  readonly marks: boolean;
}

export async function findMachine(options: MachineOptions): Promise<FoundMachine> {
  const { ground, level } = options;
  const lastStage = options.launcher === null ? null : makeLastStage(options.launcher, ground);
  const [fence, ...parts] = await Promise.all([
    probeFence(ground, lastStage, options.openStarter),
    ...readyParts(options),
  ]);
  const ofParts = parts.flatMap((part) => part.abilities.map((one) => unlessOpen(one, fence)));
  const { way } = ground.settings.tracking;
  const byGroup = way === 'group id' ? [groupIdAbility(ground, lastStage !== null)] : [];
  const found = [...ofParts, ...fence.abilities].map((one) => unlessRuledOut(one, way));
  const abilities = [...found, ...byGroup];
  const marks = byGroup.some((one) => one.able);
  const networks = networksOf(fence.abilities, ofParts);
  const able = new Set(abilities.filter((ability) => ability.able).map(({ wall }) => wall));
  const roots = await openRoots(ground);
  const machine: Machine = {
    able,
    networks,
    level,
    isRoot: ground.uid === 0,
    hasTracker: marks || (isAble(parts, 'cgroup', 'track') && (way === 'auto' || way === 'cgroup')),
  };
  return {
    machine,
    advertised: {
      able: WALLS.filter((wall) => able.has(wall)),
      networks,
      roots: fence.fence === null ? [] : roots.names,
      writable: ground.settings.place.writable,
    },
    abilities,
    parts,
    hands: Object.fromEntries(parts.map((part) => [part.name, part])) as unknown as Hands,
    fence: fence.fence,
    lastStage: fence.lastStage,
    accounts: openAccounts(options.account),
    roots,
    marks,
  };
}

/** Every part of the walls. Directories first, so that they are undone last. */
function readyParts({ ground, complain, remark }: MachineOptions): Promise<ReadyPart>[] {
  const network = createNetworkPart(realNetworkWorld({ complain, remark }));
  return [
    makeReady(createPlacePart(), ground),
    makeReady(createCgroupPart(), ground),
    makeReady(network, ground),
  ];
}

/** Without a fence a program could be root in its network, and undo what counts there. */
function unlessOpen(ability: Ability, { fence, abilities }: ProbedFence): Ability {
  const lack = abilities.find(({ wall, able }) => wall === 'network' && !able);
  const isMoot = ability.wall !== 'network' || fence !== null || lack === undefined;
  return isMoot ? ability : lack;
}

function isAble(parts: readonly ReadyPart[], name: PartName, wall: Wall): boolean {
  const abilities = parts.find((part) => part.name === name)?.abilities ?? [];
  return abilities.some((ability) => ability.able && ability.wall === wall);
}

/** The fence makes empty networks, a part those that are counted; each may be without the other. */
function networksOf(ofFence: readonly Ability[], ofParts: readonly Ability[]): Network[] {
  const isOpen = ({ wall, able }: Ability) => able && wall === 'network';
  const can = { host: true, none: ofFence.some(isOpen), accounted: ofParts.some(isOpen) };
  return NETWORKS.filter((mode) => can[mode]);
}

/** The filter lies in a file, since every start needs it anew from its beginning. */
function makeLastStage(launcher: string, ground: Ground): LastStage {
  const filter = syscallFilter(process.arch);
  if (filter === null) return { launcher, filter: null };
  const folder = join(ground.directory, 'walls');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'system-calls.bpf');
  writeFileSync(path, filter, { mode: 0o600 });
  return { launcher, filter: path };
}
