/**
 * The worker's control groups, from its start to its end: a group of its own, one below it for each
 * attempt.
 */
import { readFileSync } from 'node:fs';
import { type Clock, messageOf } from '#base';
import {
  type AttemptGroup,
  applySetting,
  type GroupOperation,
  makeGroup,
  planGroup,
  removeGroup,
  unplannedLimits,
} from './attempt-group.ts';
import { type EndedMembers, endMembers, membersOf } from './end-members.ts';
import { type GroupFiles, kernelFiles } from './group-files.ts';
import { type CgroupTexts, findHierarchies, type Hierarchy } from './hierarchies.ts';
import { type GroupLimits, type LimitName, NO_LIMITS, settingsOf } from './limits.ts';
import { type GroupMemory, type GroupUsage, measureGroup, sampleMemory } from './measure.ts';
import { isOwnProcess } from './own-processes.ts';
import { type GroupGap, makeParentGroup, type ParentGroup } from './parent-group.ts';
import { assignRoles, type Roles } from './roles.ts';

export interface AttemptGroupsOptions {
  /** Names the worker's group in every tree; nobody else's is called so. */
  readonly name: string;
  readonly clock: Clock;
  /** What all attempts together may take, so that the worker and the machine live on. */
  readonly whole: { readonly memoryBytes: number | null; readonly tasks: number | null };
  /** The kernel's, unless a test brings a recorded tree. */
  readonly files?: GroupFiles;
  readonly hierarchies?: readonly Hierarchy[];
  readonly isRoot?: boolean;
}

export class AttemptGroups {
  readonly roles: Roles;
  /** What cannot be had on this machine, and why. */
  readonly gaps: readonly GroupGap[];
  readonly #parent: ParentGroup;
  readonly #files: GroupFiles;
  readonly #clock: Clock;

  /** Makes the worker's group. Never throws: without any tree there are only gaps. */
  constructor(options: AttemptGroupsOptions) {
    const { name, clock } = options;
    const files = options.files ?? kernelFiles;
    const trees = options.hierarchies ?? findHierarchies(ownTexts(), files);
    const isRoot = options.isRoot ?? process.geteuid?.() === 0;
    const parent = makeParentGroup(trees, { files, name, isRoot, isOurs: isOwnProcess });
    const second = parent.branches.find((branch) => branch.version === 2);
    const hasKillFile = second !== undefined && files.has(`${second.directory}/cgroup.kill`);
    this.roles = assignRoles(parent.branches, hasKillFile);
    this.gaps = trees.length === 0 ? [NO_TREES] : parent.gaps;
    this.#parent = parent;
    this.#files = files;
    this.#clock = clock;
    this.#limitWhole(options.whole);
  }

  /** What making a group for an attempt called `name` would do. */
  plan(name: string, limits: GroupLimits): GroupOperation[] {
    return planGroup(this.roles, name, limits);
  }

  /** Makes it. Throws the system's error when a group cannot be made, as with too many of them. */
  make(name: string, limits: GroupLimits): AttemptGroup {
    const group = makeGroup(this.plan(name, limits), this.#files);
    const lacking = unplannedLimits(this.roles, limits).map((limit) => {
      return { limit, reason: 'no control group of this machine can keep it' };
    });
    return { ...group, gaps: [...group.gaps, ...lacking] };
  }

  measure(name: string): GroupUsage {
    return measureGroup(this.roles, name, this.#files);
  }

  /** Memory alone: what is looked at while a program runs. */
  sampleMemory(name: string): GroupMemory | null {
    return sampleMemory(this.roles, name, this.#files);
  }

  /** Pids of all members now. */
  members(name: string): number[] {
    const { members } = this.roles;
    return members === null ? [] : membersOf(`${members.directory}/${name}`, this.#files);
  }

  /** Kills all members and makes sure that none is left, or says which. Never rejects. */
  async end(name: string): Promise<EndedMembers> {
    const { members, killBy } = this.roles;
    if (members === null || killBy === null) return { killed: 0, stuck: [] };
    return endMembers(`${members.directory}/${name}`, killBy, this.#files, this.#clock);
  }

  /** Removes an attempt's group; returns what could not be removed. */
  remove(group: AttemptGroup): { readonly directory: string; readonly reason: string }[] {
    return removeGroup(group.directories, this.#files);
  }

  /** To be called when no attempt is left. Returns why it could not all be removed, or null. */
  close(): string | null {
    try {
      this.#parent.remove();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** A refusal is no fault: each attempt still has its own limits. */
  #limitWhole({ memoryBytes, tasks }: AttemptGroupsOptions['whole']): void {
    const limits = { ...NO_LIMITS, memoryHardBytes: memoryBytes, tasks };
    for (const { controller, branch } of this.roles.limits) {
      const settings = settingsOf(branch.version, controller, limits);
      for (const setting of settings.filter(({ limit }) => WHOLE.has(limit))) {
        applySetting(branch.directory, setting, this.#files);
      }
    }
  }
}

/** Never the unit of OOM: one attempt out of memory must not take the others with it. */
const WHOLE: ReadonlySet<LimitName> = new Set(['memory hard', 'swap', 'tasks']);

const NO_TREES: GroupGap = {
  controllers: ['cpu', 'memory', 'pids', 'io', 'cpuset', 'freezer'],
  reason: 'no control groups are mounted here',
  remedy: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup',
};

function ownTexts(): CgroupTexts {
  return { cgroup: textOf('/proc/self/cgroup'), mountinfo: textOf('/proc/self/mountinfo') };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
