/** One attempt's group: planned as typed operations, carried out, undone in reverse. */
import { systemCodeOf, systemReasonOf } from '#base';
import type { GroupFiles } from './group-files.ts';
import { type GroupLimits, type LimitName, type Setting, settingsOf } from './limits.ts';
import type { Branch } from './parent-group.ts';
import type { Roles } from './roles.ts';

export type GroupOperation =
  | { readonly kind: 'make-group'; readonly directory: string }
  | { readonly kind: 'set-limit'; readonly directory: string; readonly setting: Setting }
  /** Left to the program's own process, between fork and exec: it writes `0`, which means itself. */
  | { readonly kind: 'join-group'; readonly file: string };

/** A limit that was asked for and is not kept, and why. */
export interface LimitGap {
  readonly limit: LimitName;
  readonly reason: string;
}

/** What has to be done for an attempt called `name`, in this order. Pure. */
export function planGroup(roles: Roles, name: string, limits: GroupLimits): GroupOperation[] {
  const settings = roles.limits.map(({ controller, branch }) => ({
    branch,
    settings: settingsOf(branch.version, controller, limits),
  }));
  const limiting = settings.filter((entry) => entry.settings.length > 0);
  const branches = new Set<Branch>([
    ...limiting.map(({ branch }) => branch),
    ...[roles.cpuTime, roles.memory, roles.tasks, roles.members].filter(
      (branch) => branch !== null,
    ),
  ]);
  const directories = [...branches].map((branch) => `${branch.directory}/${name}`);
  return [
    ...directories.map((directory) => ({ kind: 'make-group', directory }) as const),
    ...limiting.flatMap((entry) =>
      entry.settings.map((setting) => {
        const directory = `${entry.branch.directory}/${name}`;
        return { kind: 'set-limit', directory, setting } as const;
      }),
    ),
    ...directories.map((directory) => {
      return { kind: 'join-group', file: `${directory}/cgroup.procs` } as const;
    }),
  ];
}

/** Limits that were asked for and that no tree of this machine can keep. Pure. */
export function unplannedLimits(roles: Roles, limits: GroupLimits): LimitName[] {
  const has = new Set(roles.limits.map(({ controller }) => controller));
  const wanted = (['cpu', 'cpuset', 'memory', 'pids', 'io'] as const)
    .filter((controller) => !has.has(controller))
    .flatMap((controller) => settingsOf(2, controller, limits));
  return [...new Set(wanted.map(({ limit }) => limit))];
}

export interface AttemptGroup {
  /** Directories that were made, in order. */
  readonly directories: readonly string[];
  /** Files that the program's own process writes `0` to before it becomes the program. */
  readonly joins: readonly string[];
  readonly kept: ReadonlySet<LimitName>;
  readonly gaps: readonly LimitGap[];
}

/**
 * Carries a plan out. A limit that the kernel refuses is a gap; a group that cannot be made takes
 * the others back and throws the system's error.
 */
export function makeGroup(plan: readonly GroupOperation[], files: GroupFiles): AttemptGroup {
  const directories: string[] = [];
  const joins: string[] = [];
  const kept = new Set<LimitName>();
  const gaps: LimitGap[] = [];
  try {
    for (const operation of plan) {
      if (operation.kind === 'make-group') {
        files.make(operation.directory);
        directories.push(operation.directory);
      } else if (operation.kind === 'join-group') joins.push(operation.file);
      else {
        const gap = applySetting(operation.directory, operation.setting, files);
        if (gap === null) kept.add(operation.setting.limit);
        else if (!operation.setting.mayLack) gaps.push(gap);
      }
    }
  } catch (error) {
    removeGroup(directories, files);
    throw error;
  }
  for (const { limit } of gaps) kept.delete(limit);
  return { directories, joins, kept, gaps };
}

/** Null when the kernel took it, by whichever name. */
export function applySetting(
  directory: string,
  setting: Setting,
  files: GroupFiles,
): LimitGap | null {
  let fault: unknown;
  for (const { file, value } of [setting, ...setting.otherwise]) {
    try {
      files.write(`${directory}/${file}`, value);
      return null;
    } catch (error) {
      fault ??= error;
    }
  }
  const reason = `the kernel refused "${setting.value}" for ${setting.file}: ${systemReasonOf(fault)}`;
  return { limit: setting.limit, reason };
}

/**
 * Removes groups and what a program may have made inside, deepest first. Returns what is left, with
 * reasons; a group that is not there any more is removed.
 */
export function removeGroup(
  directories: readonly string[],
  files: GroupFiles,
): { readonly directory: string; readonly reason: string }[] {
  return [...directories].reverse().flatMap((directory) => removeTree(directory, files));
}

function removeTree(directory: string, files: GroupFiles): { directory: string; reason: string }[] {
  const inside = files.groupsIn(directory);
  const left = inside.flatMap((name) => removeTree(`${directory}/${name}`, files));
  try {
    files.remove(directory);
    return left;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return left;
    return [...left, { directory, reason: systemReasonOf(error) }];
  }
}
