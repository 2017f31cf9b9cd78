/** Which branch does what for an attempt: in a hybrid machine each controller is in one tree only. */
import type { Controller } from './hierarchies.ts';
import type { Branch } from './parent-group.ts';

/** How all members of a group are ended, strongest first. */
export type KillBy =
  /** `cgroup.kill` of version 2, Linux 5.14: the kernel kills them all at once, new ones too. */
  | 'cgroup.kill'
  /** Frozen by version 2, killed one by one, thawed. */
  | 'cgroup.freeze'
  /** Frozen by the freezer of version 1, killed one by one, thawed. */
  | 'freezer'
  /** Killed one by one until none is left: a fork bomb is only outrun where tasks are limited. */
  | 'members';

export interface Roles {
  readonly limits: readonly { readonly controller: Controller; readonly branch: Branch }[];
  readonly cpuTime: Branch | null;
  readonly memory: Branch | null;
  readonly tasks: Branch | null;
  readonly io: Branch | null;
  /** Whose list of members is believed; with `killBy` null there is none. */
  readonly members: Branch | null;
  readonly killBy: KillBy | null;
}

const LIMITED: readonly Controller[] = ['cpuset', 'cpu', 'memory', 'pids', 'io'];

/** `hasKillFile`: groups of version 2 have `cgroup.kill` on this kernel. */
export function assignRoles(branches: readonly Branch[], hasKillFile: boolean): Roles {
  const second = branches.find((branch) => branch.version === 2) ?? null;
  const holding = (controller: Controller) =>
    branches.find((branch) => branch.controllers.has(controller)) ?? null;
  const freezer = holding('freezer');
  const members = second ?? freezer ?? branches[0] ?? null;
  return {
    limits: LIMITED.flatMap((controller) => {
      const branch = holding(controller);
      return branch ? [{ controller, branch }] : [];
    }),
    cpuTime: second ?? holding('cpuacct'),
    memory: holding('memory'),
    tasks: holding('pids'),
    io: holding('io'),
    members,
    killBy: members && killBy(members, { hasKillFile, isFreezer: members === freezer }),
  };
}

function killBy(members: Branch, has: { hasKillFile: boolean; isFreezer: boolean }): KillBy {
  if (members.version === 2) return has.hasKillFile ? 'cgroup.kill' : 'cgroup.freeze';
  return has.isFreezer ? 'freezer' : 'members';
}
