/** From what the parts plan to one plan for the attempt. Pure. */
import { type Network, WALLS, type Wall, type WallsHad } from '#model';
import { bubblewrapArguments } from '../fence/bubblewrap.ts';
import type { Fence, LastStage } from '../fence/fence.ts';
import { lastStageArguments, type Place } from '../fence/last-stage.ts';
import { coveredPlaces, type Hidden, type Mount, type OtherRoot, viewOf } from '../fence/view.ts';
import { privateDirectories } from '../place/part.ts';
import { brakesOf, sharedMemoryBytes } from './brakes.ts';
import type { Choice } from './choose.ts';
import type { Ground, Plot } from './ground.ts';
import type { LaunchWalls } from './launch.ts';
import type { Operation } from './operation.ts';
import type { Bind, Limit } from './part.ts';
import type { AnyPlan } from './ready-part.ts';

/** What is done and what is started for one attempt; printable as it is. */
export interface WallPlan {
  readonly name: string;
  readonly operations: readonly Operation[];
  readonly launch: LaunchWalls;
  /** Added to the program's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where the program sees its scratch and its directory. */
  readonly scratch: string;
  readonly directory: string;
  /** Its private directories, where they lie: what is in them is the attempt's as well. */
  readonly privateDirectories: readonly string[];
  readonly record: WallsHad;
  /** Files of the site are mounted; else they are to be put into its scratch. */
  readonly mounts: boolean;
  /** Whose rights it has; null: the worker's. */
  readonly account: { readonly uid: number; readonly gid: number } | null;
}

export interface Composition {
  readonly plot: Plot;
  readonly ground: Ground;
  readonly choice: Choice;
  readonly parts: readonly AnyPlan[];
  readonly fence: Fence | null;
  readonly lastStage: LastStage | null;
  readonly root: OtherRoot | null;
  readonly hidden: readonly Hidden[];
  /** The group by which its processes are known; null: by other means. */
  readonly mark: number | null;
}

/** Of another root: a place that no tree has of its own. */
const SCRATCH_IN_ROOT = '/scratch';
/** Descriptors of the prefix: 4 is the first of `LaunchWalls.files`, the filter; 5 the launcher. */
const LAUNCHER_BY_DESCRIPTOR = '/proc/self/fd/5';

export function compose(composition: Composition): WallPlan {
  const { plot, choice, parts, root } = composition;
  const scratch = root === null ? plot.scratch : SCRATCH_IN_ROOT;
  const directory = plot.directory === plot.scratch ? scratch : plot.directory;
  const fenced = choice.fenced ? composition.fence : null;
  const mounts = fenced === null ? [] : mountsOf(composition, fenced, scratch, directory);
  const prefix = [
    ...(fenced === null ? [] : fenceArguments(composition, fenced, mounts, directory)),
    ...stageArguments(composition, mounts),
  ];
  const files = prefix.length > 0 ? filesOf(composition) : [];
  // In a user namespace mounts that were there before can only be covered.
  const covered =
    fenced === null || fenced.userNamespace
      ? []
      : coveredPlaces(mounts, [plot.directory, ...files]);
  return {
    name: plot.name,
    operations: parts.flatMap(({ operations }) => operations),
    launch: {
      prefix,
      cgroups: parts.flatMap(({ cgroups }) => cgroups ?? []),
      namespaces: parts.flatMap(({ namespaces }) => namespaces ?? []),
      files,
      covered,
      guarded: choice.fenced,
      ...(composition.mark !== null && { mark: composition.mark }),
    },
    environment: Object.assign(
      identityOf(composition, scratch),
      ...parts.map(({ environment }) => environment ?? {}),
    ),
    scratch,
    directory,
    privateDirectories: privateOf(composition).map(({ real }) => real),
    record: recordOf(composition),
    mounts: fenced !== null,
    account: plot.account.uid === composition.ground.uid ? null : plot.account,
  };
}

/** Another account has no home here that it could use but its scratch. */
function identityOf({ plot, ground }: Composition, scratch: string): Record<string, string> {
  const { name, uid } = plot.account;
  return uid === ground.uid ? {} : { HOME: scratch, USER: name, LOGNAME: name };
}

function privateOf({ plot, ground, choice }: Composition) {
  return choice.walls.has('tmp') ? privateDirectories(plot, ground) : [];
}

function mountsOf(
  composition: Composition,
  fence: Fence,
  scratch: string,
  directory: string,
): Mount[] {
  const { plot, ground, choice, parts, root, hidden } = composition;
  const isOwner = plot.account.uid === ground.uid;
  return viewOf({
    root,
    readOnly: choice.walls.has('readonly'),
    ownsEmpty: isOwner,
    sharedMemoryBytes: sharedMemoryBytes(plot, heldBy(parts), fence),
    privateDirectories: privateOf(composition),
    scratch: { seen: scratch, real: plot.scratch },
    directory,
    hidden,
    readOnlyShared: plot.shared.filter((path) => !plot.writable.includes(path)),
    writable: plot.writable,
    binds: [...parts.flatMap(({ binds }) => binds ?? []), ...filesOfSite(plot, scratch)],
    devices: [...plot.devices, ...parts.flatMap(({ devices }) => devices ?? [])],
  });
}

function fenceArguments(
  { choice }: Composition,
  { bwrap, userNamespace, cgroupNamespace }: Fence,
  mounts: readonly Mount[],
  directory: string,
): string[] {
  const emptyNetwork = choice.network === 'none';
  const ground = { userNamespace, cgroupNamespace, emptyNetwork };
  return bubblewrapArguments({ bwrap, mounts, directory, ...ground });
}

function filesOfSite({ files }: Plot, scratch: string): Bind[] {
  return files.map(({ source, name }) => ({ source, target: `${scratch}/${name}`, write: false }));
}

/** What the kernel itself holds the attempt to. */
function heldBy(parts: Composition['parts']): Set<Wall> {
  return new Set(parts.flatMap(({ walls }) => walls));
}

function limitsOf({ parts, plot, ground, choice, fence }: Composition): Limit[] {
  const { uid, settings } = ground;
  const around = { uid, mostTasks: settings.cgroup.mostTasks };
  const brakes = brakesOf(plot, around, heldBy(parts), choice.fenced ? fence : null);
  return [...parts.flatMap(({ limits }) => limits ?? []), ...brakes];
}

/**
 * Directories that lie there under their own names, and are not covered by another mount at the same place:
 * what is mounted there is to be what was looked at.
 */
function placesOf({ plot }: Composition, mounts: readonly Mount[]): Place[] {
  return mounts.flatMap((mount, at) => {
    const identity = plot.identities.get(mount.target);
    const isCovered = mounts.slice(at + 1).some(({ target }) => target === mount.target);
    if (identity === undefined || isCovered || !('source' in mount)) return [];
    if (mount.source !== mount.target) return [];
    return [{ path: mount.target, identity, starts: mount.target === plot.directory }];
  });
}

function stageArguments(composition: Composition, mounts: readonly Mount[]): string[] {
  const { plot, ground, choice, lastStage, mark } = composition;
  if (lastStage === null) return [];
  return lastStageArguments({
    launcher: choice.fenced ? LAUNCHER_BY_DESCRIPTOR : lastStage.launcher,
    init: choice.fenced,
    account: plot.account.uid === ground.uid ? null : plot.account,
    mark,
    limits: limitsOf(composition),
    places: placesOf(composition, mounts),
    keys: choice.walls.has('keys'),
    noPrivileges: choice.walls.has('privileges') || choice.walls.has('syscalls'),
    filter: choice.walls.has('syscalls'),
  });
}

/** The numbers are fixed: without a filter its place is taken by an empty file. */
function filesOf({ choice, lastStage }: Composition): string[] {
  if (lastStage === null) return [];
  const filter = choice.walls.has('syscalls') ? lastStage.filter : null;
  return [filter ?? '/dev/null', ...(choice.fenced ? [lastStage.launcher] : [])];
}

function recordOf(composition: Composition): WallsHad {
  const { plot, choice, parts } = composition;
  const { network } = choice;
  const had = new Set<Wall>([...parts.flatMap(({ walls }) => walls), ...wallsOfStart(composition)]);
  return {
    wanted: choice.wanted,
    had: WALLS.filter((wall) => had.has(wall)),
    network,
    root: plot.isolation.root,
    account: plot.account.name,
  };
}

/** Walls that stand by what is started, not by an operation. */
function wallsOfStart({ plot, ground, choice, mark }: Composition): Wall[] {
  const byParts = new Set<Wall>(['cpu', 'memory', 'tasks', 'disk']);
  const isAbsent: Partial<Record<Wall, boolean>> = {
    account: plot.account.uid === ground.uid,
    // A cgroup alone tracks too: then its part says so.
    track: !choice.fenced && mark === null,
    network: networkIsOpen(choice.network),
  };
  return [...choice.walls].filter((wall) => !byParts.has(wall) && isAbsent[wall] !== true);
}

function networkIsOpen(network: Network): boolean {
  return network === 'host';
}
