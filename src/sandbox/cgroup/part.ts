/** The part that makes cgroups: limits, figures, and the exact set of an attempt's processes. */
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '#base';
import type { Measured, Wall } from '#model';
import type { CgroupSettings, Plot } from '../walls/ground.ts';
import type { Exceeded, Part, PartPlan, Remains, Settled } from '../walls/part.ts';
import { endMembers, GIVE_UP_MS, isEmpty } from './end-members.ts';
import { type GroupFiles, kernelFiles } from './group-files.ts';
import { createHand } from './hand.ts';
import { type Hierarchy, ownHierarchies } from './hierarchies.ts';
import { clearGroups } from './leftovers.ts';
import { type GroupLimits, type LimitName, NO_LIMITS } from './limits.ts';
import { type GroupUsage, measureGroup } from './measure.ts';
import type { CgroupOperation } from './operation.ts';
import { planGroup } from './plan-group.ts';
import { type CgroupFacts, probeGroups } from './probe.ts';
import { assignRoles, type Branch, type Roles } from './roles.ts';
import { type MemoryLooks, memoryPeakBytes, NOTHING_SEEN, watchMemory } from './watch.ts';

export interface CgroupWorld {
  /** The kernel's, or a recorded tree of plain ones. */
  readonly files: GroupFiles;
  readonly findTrees: () => readonly Hierarchy[];
  readonly isRoot: boolean;
  readonly clock: Clock;
  /** How long what was killed may take to end before it is told of as stuck. */
  readonly giveUpMs: number;
}

const REAL: CgroupWorld = {
  files: kernelFiles,
  findTrees: () => ownHierarchies(),
  isRoot: process.geteuid?.() === 0,
  clock: systemClock,
  giveUpMs: GIVE_UP_MS,
};

export type CgroupPart = Part<'cgroup', CgroupFacts>;

export function createCgroupPart(world: CgroupWorld = REAL): CgroupPart {
  const { files, clock, giveUpMs } = world;
  const hand = createHand({ files, clock, giveUpMs });
  /** Of attempts that run, by the path of their first group. */
  const looks = new Map<string, MemoryLooks>();
  return {
    name: 'cgroup',
    ...hand,
    probe: (ground) => {
      const { isRoot, findTrees } = world;
      return probeGroups(ground, { files, hand, isRoot, trees: findTrees() });
    },
    prepare: (_, { preparation }) => preparation,
    plan: (plot, { walls }, { settings }, facts) => {
      const { way } = settings.tracking;
      const wanted = way === 'auto' || way === 'cgroup' ? walls : withoutTrack(walls);
      return planFor(plot, wanted, settings.cgroup, facts);
    },
    watch: (operations, onExceeded) => {
      const { key, roles } = groupOf(operations);
      if (key === null || roles.memory === null) return () => {};
      const watching = watchMemory(roles, files, () => {
        onExceeded(exceededMemory(operations, roles.memory!, measureGroup(roles, files), files));
      });
      looks.set(key, watching);
      return watching.stop;
    },
    endRemains: (operations) => {
      const { members } = groupOf(operations).roles;
      if (members === null || isEmpty(members.path, files)) return NOTHING_LEFT;
      return endMembers(members.path, files, clock, giveUpMs);
    },
    settle: (operations) => {
      const { key, roles } = groupOf(operations);
      if (key === null) return NOTHING;
      const usage = measureGroup(roles, files);
      const peaks = looks.get(key)?.peaks ?? NOTHING_SEEN;
      looks.delete(key);
      const { memory } = usage;
      return {
        measured: measuredOf(usage, roles, memory && memoryPeakBytes(memory, peaks)),
        network: {},
        exceeded:
          memory !== null && memory.oomKills > 0
            ? exceededMemory(operations, roles.memory!, usage, files)
            : exceededTasks(operations, usage),
      };
    },
    clear: async ({ tag }) => {
      const { removed, killed, left } = await clearGroups(tag, world.findTrees(), clock, files);
      return [
        ...removed.map((path) => `removed the cgroup ${path}`),
        ...(killed > 0 ? [`killed ${killed} processes in cgroups of a dead worker`] : []),
        ...left.map(
          ({ directory, reason }) => `could not remove the cgroup ${directory}: ${reason}`,
        ),
      ];
    },
  };
}

const NOTHING: Settled = { measured: [], network: {}, exceeded: null };
const NOTHING_LEFT: Remains = { killed: 0, stuck: [] };

/** The walls that this part puts up; any of them is worth a group, and then all of them come. */
const OURS: readonly Wall[] = ['track', 'cpu', 'memory', 'tasks'];
const WALL_OF: Partial<Record<LimitName, Wall>> = {
  'cpu weight': 'cpu',
  'memory hard': 'memory',
  'memory soft': 'memory',
  tasks: 'tasks',
};

/** The administrator wants processes to be known by other means. */
function withoutTrack(walls: ReadonlySet<Wall>): ReadonlySet<Wall> {
  return new Set([...walls].filter((wall) => wall !== 'track'));
}

function planFor(
  plot: Plot,
  walls: ReadonlySet<Wall>,
  settings: CgroupSettings,
  facts: CgroupFacts,
): PartPlan<'cgroup'> | null {
  if (!OURS.some((wall) => walls.has(wall))) return null;
  const limits = limitsFor(plot, walls, settings, facts);
  const plan = planGroup(facts.parents, plot.name, limits);
  const operations = plan.operations.filter(
    (operation) => operation.do !== 'limit' || facts.works.includes(operation.limit),
  );
  const stand = operations.flatMap((operation) =>
    operation.do === 'limit' ? (WALL_OF[operation.limit] ?? []) : [],
  );
  const track = walls.has('track') ? (['track'] as const) : [];
  return { operations, walls: [...new Set<Wall>([...track, ...stand])], cgroups: plan.joins };
}

function limitsFor(
  { request, cpus }: Plot,
  walls: ReadonlySet<Wall>,
  settings: CgroupSettings,
  { wholeMemoryBytes }: CgroupFacts,
): GroupLimits {
  const memoryBytes = request.memoryBytes || (walls.has('memory') ? wholeMemoryBytes : null);
  const isSoft = settings.memoryLimit === 'soft' && request.memoryBytes > 0;
  return {
    ...NO_LIMITS,
    cpus: request.cpus,
    cpuCeiling: settings.cpuCeiling ? request.cpus : null,
    pinnedCpus: settings.cpuPinning && cpus.length > 0 ? cpus : null,
    memorySoftBytes: isSoft ? memoryBytes : null,
    memoryHardBytes: isSoft ? null : memoryBytes,
    tasks: request.processes || settings.mostTasks || null,
    io: settings.io,
  };
}

/** An attempt's groups again, from its operations alone. */
function groupOf(operations: readonly CgroupOperation[]): { key: string | null; roles: Roles } {
  const branches: Branch[] = operations.filter((operation) => operation.do === 'make');
  return { key: branches[0]?.path ?? null, roles: assignRoles(branches) };
}

function measuredOf(usage: GroupUsage, roles: Roles, memoryPeak: number | null): Measured[] {
  const { cpuUserMs, cpuSystemMs, tasksPeak, readBytes, writtenBytes } = usage;
  return [
    from(roles.cpuTime, { cpuUserMs, cpuSystemMs }),
    from(roles.memory, { memoryPeakBytes: memoryPeak }),
    from(roles.tasks, { tasksPeak }),
    from(roles.io, { ioReadBytes: readBytes, ioWriteBytes: writtenBytes }),
  ];
}

function from(branch: Branch | null, figures: Measured['figures']): Measured {
  return { source: branch?.version === 2 ? 'cgroup-v2' : 'cgroup-v1', figures };
}

/** What was refused another process; it may have gone on without. */
function exceededTasks(
  operations: readonly CgroupOperation[],
  { tasksRefused, tasksPeak }: GroupUsage,
): Exceeded | null {
  const own = limitOf(operations, 'tasks');
  if (own === null || tasksRefused === 0) return null;
  return { wall: 'tasks', limit: own, peak: tasksPeak ?? own, shared: false };
}

function limitOf(operations: readonly CgroupOperation[], name: LimitName): number | null {
  const found = operations.find((one) => one.do === 'limit' && one.limit === name);
  return found?.do === 'limit' ? Number(found.value) : null;
}

/**
 * The attempt's own limit if it has one, else that of all attempts together, in the group above, or
 * of the machine.
 */
function exceededMemory(
  operations: readonly CgroupOperation[],
  branch: Branch,
  { memory }: GroupUsage,
  files: GroupFiles,
): Exceeded {
  const own = limitOf(operations, 'memory hard');
  const above = branch.version === 2 ? 'memory.max' : 'memory.limit_in_bytes';
  const whole = Number(files.read(`${dirname(branch.path)}/${above}`)) || totalmem();
  const limit = own ?? Math.min(whole, totalmem());
  return {
    wall: 'memory',
    limit,
    peak: memory?.chargedPeakBytes ?? memory?.workingBytes ?? limit,
    shared: own === null,
  };
}
