/** Which group does what for an attempt: in a hybrid machine each controller is in one tree only. */
import type { Controller } from './hierarchies.ts';

/** A group in one tree. */
export interface Branch {
  readonly path: string;
  readonly version: 1 | 2;
  /** What it can limit or measure, for itself or for the groups inside. */
  readonly controllers: readonly Controller[];
}

export interface Roles {
  readonly cpuTime: Branch | null;
  readonly memory: Branch | null;
  readonly tasks: Branch | null;
  readonly io: Branch | null;
  /** Whose list of members is believed, and which ends them. */
  readonly members: Branch | null;
}

export function branchWith(branches: readonly Branch[], controller: Controller): Branch | null {
  return branches.find(({ controllers }) => controllers.includes(controller)) ?? null;
}

export function assignRoles(branches: readonly Branch[]): Roles {
  const second = branches.find(({ version }) => version === 2) ?? null;
  return {
    // Version 2 counts CPU time in every group, whatever controllers it has.
    cpuTime: second ?? branchWith(branches, 'cpuacct'),
    memory: branchWith(branches, 'memory'),
    tasks: branchWith(branches, 'pids'),
    io: branchWith(branches, 'io'),
    members: second ?? branchWith(branches, 'freezer') ?? branches[0] ?? null,
  };
}
