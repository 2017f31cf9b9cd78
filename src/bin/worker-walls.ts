/** The walls of a worker, from its settings. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NetworkValues, WallValues } from '#base';
import type { Level } from '#model';
import {
  findLauncher,
  ioLimits,
  openStarter,
  openWalls,
  type Tracking,
  tagOf,
  type WallSettings,
  type Walls,
  type WallsOptions,
} from '#sandbox';

export interface WallsOfWorker {
  readonly values: WallValues & NetworkValues;
  /** Absolute: directories and files that no attempt is to see; those that are not there do not matter. */
  readonly secrets: readonly string[];
  readonly log: WallsOptions['log'];
}

/** For a worker that has `directory` for its own; see `openWalls`. */
export function wallsFor(of: WallsOfWorker, directory: string): Promise<Walls> {
  const { values, secrets, log } = of;
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  const launcher = findLauncher();
  const settings = settingsOf(values, secrets);
  return openWalls({
    register: registerOf(uid, process.env),
    ground: { tag: tagOf(directory), uid, gid, directory, settings },
    level: levelOf(values, uid),
    account: values.jobUser,
    launcher,
    openStarter: () => openStarter({ launcherPath: launcher }),
    log,
  });
}

/** Of one account, on one machine, and gone when that starts again. */
function registerOf(uid: number, environment: NodeJS.ProcessEnv): string {
  if (uid === 0) return '/run/windrow-walls';
  const own = environment.XDG_RUNTIME_DIR;
  return own ? join(own, 'windrow-walls') : join(tmpdir(), `windrow-walls-${uid}`);
}

/** A worker that is root runs jobs of others; one that is not runs those of its own user. */
export function levelOf(
  { walls }: Pick<WallValues, 'walls'>,
  uid = process.geteuid?.() ?? 0,
): Level {
  if (walls !== 'auto') return walls as Level;
  return uid === 0 && process.platform === 'linux' ? 'private' : 'bare';
}

function settingsOf(values: WallsOfWorker['values'], secrets: readonly string[]): WallSettings {
  const { cgroupBase, cpuCeiling, cpuPinning, memoryLimit, mostTasks } = values;
  return {
    cgroup: {
      base: cgroupBase,
      cpuCeiling,
      cpuPinning,
      memoryLimit: memoryLimit as 'hard' | 'soft',
      mostTasks,
      io: ioLimits(values.ioWeight, values.ioRead, values.ioWrite),
    },
    network: networkOf(values),
    place: {
      shared: values.sharedDirectories,
      writable: values.writableDirectories,
      roots: values.roots,
      hidden: [...values.hiddenPaths, ...secrets],
    },
    payload: values.payload,
    tracking: { way: trackingOf(values), firstGroup: values.trackingGroup },
  };
}

/** Settings write ways with hyphens. */
export function trackingOf({ tracking }: Pick<WallValues, 'tracking'>): Tracking {
  return tracking.replaceAll('-', ' ') as Tracking;
}

const PREPARED = 8;

function networkOf(values: NetworkValues): WallSettings['network'] {
  return {
    internal: values.networkInternal,
    external: values.networkExternal,
    forbidden: values.networkForbidden,
    resolvers: values.networkResolvers,
    inner4: values.networkIpv4,
    inner6: values.networkIpv6,
    mostConnections: values.networkConnections,
    setUpScript: values.networkSetUp,
    tearDownScript: values.networkTearDown,
    scriptMs: values.networkScriptMs,
    prepared: values.networkPrepared ?? (values.networkSetUp === '' ? PREPARED : 0),
  };
}
