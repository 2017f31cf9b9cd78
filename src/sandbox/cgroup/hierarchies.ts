/**
 * Where this process stands in the machine's control groups: cgroups(7), proc_pid_mountinfo(5).
 * Version 2 is one tree for all controllers, version 1 a tree for each; many machines mount both,
 * and then each controller is in exactly one of them.
 */
import { type GroupFiles, kernelFiles } from './group-files.ts';

/** Controllers that limits and figures come from. `io` is called `blkio` in version 1. */
export const CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'pids', 'io', 'cpuset', 'freezer'] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** One mounted tree of groups, as far as this process may use it. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** What it can limit for groups below `own`; in version 2 also what is only offered. */
  readonly controllers: readonly Controller[];
  /** Absolute directory of the group that this process is in. */
  readonly own: string;
  readonly mountPoint: string;
}

/** The kernel's two texts from which places are found; a test brings recorded ones. */
export interface CgroupTexts {
  /** /proc/self/cgroup */
  readonly cgroup: string;
  /** /proc/self/mountinfo */
  readonly mountinfo: string;
}

interface Mount {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** The directory of the tree that is mounted there; not `/` inside many containers. */
  readonly root: string;
  /** Its options; in version 1 they name its controllers, or itself as in `name=systemd`. */
  readonly names: readonly string[];
}

/** Every tree in which this process has a reachable place, in the kernel's order of mounts. */
export function findHierarchies(texts: CgroupTexts, files: GroupFiles): Hierarchy[] {
  const memberships = parseMemberships(texts.cgroup);
  const found = new Map<string, Hierarchy>();
  for (const mount of parseMounts(texts.mountinfo)) {
    const membership = memberships.find((entry) => belongs(entry.names, mount));
    const own = membership ? placeIn(mount, membership.path) : null;
    const key = membership?.names.join() ?? '';
    if (own === null || found.has(key)) continue;
    const names =
      mount.version === 2 ? wordsOf(files.read(`${own}/cgroup.controllers`)) : mount.names;
    const { version, mountPoint } = mount;
    found.set(key, { version, controllers: controllersOf(names), own, mountPoint });
  }
  return [...found.values()];
}

/** Those of this process, from the kernel's own texts. */
export function ownHierarchies(): Hierarchy[] {
  const textOf = (path: string) => kernelFiles.read(path) ?? '';
  const texts = { cgroup: textOf('/proc/self/cgroup'), mountinfo: textOf('/proc/self/mountinfo') };
  return findHierarchies(texts, kernelFiles);
}

interface Membership {
  readonly names: readonly string[];
  readonly path: string;
}

/** Lines of `id:controllers:path`; version 2 has no controllers, and a path may hold colons. */
function parseMemberships(text: string): Membership[] {
  return lines(text).flatMap((line) => {
    const parts = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (!parts || parts[2]!.endsWith(' (deleted)')) return [];
    return [{ names: parts[1] === '' ? [] : parts[1]!.split(','), path: parts[2]! }];
  });
}

function parseMounts(text: string): Mount[] {
  return lines(text).flatMap((line) => {
    const [before, after] = line.split(' - ', 2);
    const [, , , root, mountPoint] = before!.split(' ');
    const [type, , options] = (after ?? '').split(' ');
    if (root === undefined || mountPoint === undefined) return [];
    const version = type === 'cgroup2' ? 2 : type === 'cgroup' ? 1 : null;
    if (version === null) return [];
    const names = (options ?? '').split(',');
    return [{ version, mountPoint: unescaped(mountPoint), root: unescaped(root), names }];
  });
}

function belongs(names: readonly string[], mount: Mount): boolean {
  if (mount.version === 2) return names.length === 0;
  return names.length > 0 && names.every((name) => mount.names.includes(name));
}

/** Null where the group lies outside of what is mounted, as `/..` in another cgroup namespace. */
function placeIn({ root, mountPoint }: Mount, path: string): string | null {
  if (path.split('/').includes('..')) return null;
  const inside =
    root === '/'
      ? path
      : path === root
        ? ''
        : path.startsWith(`${root}/`)
          ? path.slice(root.length)
          : null;
  if (inside === null) return null;
  return inside === '/' || inside === '' ? mountPoint : `${mountPoint}${inside}`;
}

function controllersOf(names: readonly string[]): Controller[] {
  const own = new Set(names.map((name) => (name === 'blkio' ? 'io' : name)));
  return CONTROLLERS.filter((controller) => own.has(controller));
}

/** Spaces, tabs, newlines and backslashes are written as `\040` and the like. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

export function wordsOf(text: string | null): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}
