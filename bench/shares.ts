/**
 * Machines that share this one's cores, each with the same fixed share of a processor: what they run
 * is put into a group of control groups with a ceiling, so that eight of them work beside each other
 * as eight machines do that are that much slower.
 *
 *     const shares = await Shares.open(['head', 'n1'], 0.2);
 *     shares.put('n1', [pid]);        // and what comes of it from now on
 *     shares.hold();                  // ceilings are in force …
 *     const kept = shares.release();  // … until now
 *     await shares.close();
 *
 * Ceilings are kept over periods of 10 ms. Groups of a bench that was killed are removed by the next.
 */
import { existsSync } from 'node:fs';
import { systemClock } from '../src/base/mod.ts';
import { groundWith } from '../src/sandbox/cgroup/cgroup-world.ts';
import { GIVE_UP_MS } from '../src/sandbox/cgroup/end-members.ts';
import { kernelFiles } from '../src/sandbox/cgroup/group-files.ts';
import { ownHierarchies } from '../src/sandbox/cgroup/hierarchies.ts';
import { NO_LIMITS, settingsOf } from '../src/sandbox/cgroup/limits.ts';
import { measureGroup } from '../src/sandbox/cgroup/measure.ts';
import type { CgroupOperation } from '../src/sandbox/cgroup/operation.ts';
import { createCgroupPart } from '../src/sandbox/cgroup/part.ts';
import { limit, planGroup } from '../src/sandbox/cgroup/plan-group.ts';
import type { CgroupFacts } from '../src/sandbox/cgroup/probe.ts';
import { assignRoles, type Branch, branchWith, type Roles } from '../src/sandbox/cgroup/roles.ts';
import type { Ground } from '../src/sandbox/walls/ground.ts';

const TAG = 'windrow-bench-';
const PERIOD_US = 10_000;
/** Weight of all together: as of so many others that want a processor each. */
const FIRST_CPUS = 100;

/** What a group did while ceilings were in force. */
export interface Held {
  readonly cpuMs: number;
  /** Periods in which it had something to do, and those in which it had to wait. */
  readonly periods: number;
  readonly throttled: number;
}

interface Group {
  /** Files that a thread writes its number into. */
  readonly joins: readonly string[];
  readonly roles: Roles;
  /** The group with the ceiling. */
  readonly cpu: Branch;
  before: Held;
}

const part = createCgroupPart({
  files: kernelFiles,
  findTrees: ownHierarchies,
  isRoot: true,
  clock: systemClock,
  giveUpMs: GIVE_UP_MS,
});

export class Shares {
  /** Of one processor, for each. */
  readonly share: number;
  readonly #ground: Ground;
  readonly #groups = new Map<string, Group>();

  private constructor(share: number) {
    this.share = share;
    this.#ground = groundNamed(`${TAG}${process.pid}`);
  }

  static async open(names: readonly string[], share: number): Promise<Shares> {
    await clearDead();
    const shares = new Shares(share);
    try {
      await shares.#make(names);
      return shares;
    } catch (error) {
      await shares.close();
      throw error;
    }
  }

  async #make(names: readonly string[]): Promise<void> {
    const { facts, remarks } = await part.probe(this.#ground);
    if (facts === null) throw new Error(`no control groups can be made here: ${remarks.join()}`);
    const { preparation, parents } = facts as CgroupFacts;
    for (const operation of [...preparation, ...firstServed(parents)]) {
      await part.carryOut(operation);
    }
    // Others, as that of memory, would take part in the work.
    const useful = parents.filter(
      ({ version, controllers }) =>
        version === 2 || controllers.some((one) => one === 'cpu' || one === 'cpuacct'),
    );
    for (const name of names) {
      const { operations, joins } = planGroup(useful, name, NO_LIMITS);
      for (const operation of operations) await part.carryOut(operation);
      const made: Branch[] = operations.filter((operation) => operation.do === 'make');
      const cpu = branchWith(made, 'cpu')!;
      this.#groups.set(name, { joins, roles: assignRoles(made), cpu, before: NOTHING });
    }
  }

  /** Processes of one thread, and all that they start from now on. */
  put(name: string, pids: readonly number[]): void {
    for (const file of this.joinsOf(name)) {
      for (const pid of pids) kernelFiles.write(file, String(pid));
    }
  }

  /** Files that a process of one thread writes its number into to join the group. */
  joinsOf(name: string): readonly string[] {
    return this.#group(name).joins;
  }

  /** Words before a command by which it runs in the group. */
  enter(name: string): string[] {
    const joins = this.joinsOf(name);
    const script =
      'while [ "$1" != -- ]; do echo $$ >"$1" || exit 71; shift; done; shift; exec "$@"';
    return ['sh', '-c', script, 'sh', ...joins, '--'];
  }

  /** Ceilings hold from now on; or are only counted what they would be for. */
  hold(inForce = true): void {
    for (const group of this.#groups.values()) {
      this.#setCeiling(group.cpu, inForce ? Math.round(this.share * PERIOD_US) : null);
      group.before = heldBy(group);
    }
  }

  /** Nothing is held back any more. What each group did meanwhile, by name. */
  release(): Map<string, Held> {
    const held = [...this.#groups].map(([name, group]) => {
      const now = heldBy(group);
      this.#setCeiling(group.cpu, null);
      return [name, since(group.before, now)] as const;
    });
    return new Map(held);
  }

  /** Ends what is left in the groups, and removes them. */
  async close(): Promise<void> {
    const left = (await part.clear(this.#ground)).filter((said) => said.startsWith('could not'));
    if (left.length > 0) throw new Error(left.join('\n'));
  }

  #group(name: string): Group {
    const group = this.#groups.get(name);
    if (!group) throw new Error(`there is no group ${name}`);
    return group;
  }

  #setCeiling({ path, version }: Branch, quotaUs: number | null): void {
    const writes =
      version === 2
        ? [['cpu.max', `${quotaUs ?? 'max'} ${PERIOD_US}`]]
        : [
            ['cpu.cfs_period_us', `${PERIOD_US}`],
            ['cpu.cfs_quota_us', `${quotaUs ?? -1}`],
          ];
    for (const [file = '', value = ''] of writes) kernelFiles.write(`${path}/${file}`, value);
  }
}

/** What else runs on this machine gets what is left. */
function firstServed(parents: readonly Branch[]): CgroupOperation[] {
  const cpu = branchWith(parents, 'cpu');
  if (cpu === null) throw new Error('no control groups here limit processors');
  const settings = settingsOf(cpu.version, 'cpu', { ...NO_LIMITS, cpus: FIRST_CPUS });
  return settings.map((setting) => limit(cpu.path, setting));
}

const NOTHING: Held = { cpuMs: 0, periods: 0, throttled: 0 };

function heldBy({ roles, cpu }: Group): Held {
  const { cpuUserMs, cpuSystemMs } = measureGroup(roles, kernelFiles);
  const stat = kernelFiles.read(`${cpu.path}/cpu.stat`) ?? '';
  const figure = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
  return {
    cpuMs: (cpuUserMs ?? 0) + (cpuSystemMs ?? 0),
    periods: figure('nr_periods'),
    throttled: figure('nr_throttled'),
  };
}

function since(before: Held, now: Held): Held {
  return {
    cpuMs: now.cpuMs - before.cpuMs,
    periods: now.periods - before.periods,
    throttled: now.throttled - before.throttled,
  };
}

function groundNamed(tag: string): Ground {
  return { ...groundWith(), tag };
}

/** Groups of benches that are no more. */
async function clearDead(): Promise<void> {
  const tags = ownHierarchies().flatMap(({ own, mountPoint }) =>
    [own, mountPoint].flatMap((directory) => kernelFiles.groupsIn(directory)),
  );
  for (const tag of new Set(tags.filter((name) => name.startsWith(TAG)))) {
    if (!existsSync(`/proc/${tag.slice(TAG.length)}`)) await part.clear(groundNamed(tag));
  }
}
