/** One attempt's group as operations. Pure. */
import type { Controller } from './hierarchies.ts';
import { type GroupLimits, type LimitName, settingsOf } from './limits.ts';
import type { CgroupOperation, MakeGroup } from './operation.ts';
import { assignRoles, type Branch, branchWith } from './roles.ts';

const LIMITED: readonly Controller[] = ['cpuset', 'cpu', 'memory', 'pids', 'io'];

export interface GroupPlan {
  readonly operations: readonly CgroupOperation[];
  /** Files that the program's process, which has one thread, writes itself into. */
  readonly joins: readonly string[];
  /** Limits that were asked for and that no tree of this machine can keep. */
  readonly lacking: readonly LimitName[];
}

/**
 * A group called `name` below `parents`, one in each tree that limits, measures or ends it. The
 * groups come first: a limit that is refused leaves nothing half made.
 */
export function planGroup(
  parents: readonly Branch[],
  name: string,
  limits: GroupLimits,
): GroupPlan {
  const limiting = LIMITED.flatMap((controller) => {
    const branch = branchWith(parents, controller);
    const settings = settingsOf(branch?.version ?? 2, controller, limits);
    return settings.length > 0 ? [{ branch, settings }] : [];
  });
  const { cpuTime, memory, tasks, members } = assignRoles(parents);
  const wanted = new Set<Branch | null>([cpuTime, memory, tasks, members]);
  for (const { branch } of limiting) wanted.add(branch);
  const made = parents.filter((branch) => wanted.has(branch)).map((branch) => inside(branch, name));
  const writes = limiting.flatMap(({ branch, settings }) =>
    branch === null ? [] : settings.map((setting) => limit(`${branch.path}/${name}`, setting)),
  );
  return {
    operations: [...made, ...writes],
    joins: made.map(joinOf),
    lacking: limiting.flatMap(({ branch, settings }) =>
      branch === null ? settings.map((setting) => setting.limit) : [],
    ),
  };
}

/**
 * One thread that moves itself is moved at once. A whole process, by `cgroup.procs`, waits until all
 * processors have passed through the scheduler, 10 ms and more; in version 2 the launcher avoids it
 * by letting the process begin in its group.
 */
function joinOf({ path, version }: MakeGroup): string {
  return version === 1 ? `${path}/tasks` : `${path}/cgroup.procs`;
}

function inside(parent: Branch, name: string): MakeGroup {
  const { version, controllers } = parent;
  return { part: 'cgroup', do: 'make', path: `${parent.path}/${name}`, version, controllers };
}

export function limit(
  path: string,
  setting: ReturnType<typeof settingsOf>[number],
): CgroupOperation {
  return { part: 'cgroup', do: 'limit', path, ...setting };
}
