/** The walls of a worker, from its settings. */
import { type IpNetwork, parseIpNetwork, type WallValues } from '#base';
import type { Level } from '#model';
import {
  findLauncher,
  openStarter,
  openWalls,
  tagOf,
  type WallSettings,
  type Walls,
  type WallsOptions,
} from '#sandbox';
import { binErrors } from './errors.ts';

export interface WallsOfWorker {
  readonly values: WallValues;
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
    ground: { tag: tagOf(directory), uid, gid, directory, settings },
    level: levelOf(values, uid),
    account: values.jobUser,
    launcher,
    openStarter: () => openStarter({ launcherPath: launcher }),
    log,
  });
}

/** A worker that is root runs jobs of others; one that is not runs those of its own user. */
export function levelOf({ walls }: WallValues, uid = process.geteuid?.() ?? 0): Level {
  if (walls !== 'auto') return walls as Level;
  return uid === 0 && process.platform === 'linux' ? 'private' : 'bare';
}

function settingsOf(values: WallValues, secrets: readonly string[]): WallSettings {
  const { cgroupBase, cpuCeiling, cpuPinning, memoryLimit, mostTasks } = values;
  return {
    cgroup: {
      base: cgroupBase,
      cpuCeiling,
      cpuPinning,
      memoryLimit: memoryLimit as 'hard' | 'soft',
      mostTasks,
      io: values.ioWeight === 0 ? null : { weight: values.ioWeight, devices: [] },
    },
    network: networkOf(values),
    place: {
      shared: values.sharedDirectories,
      writable: values.writableDirectories,
      roots: values.roots,
      hidden: [...values.hiddenPaths, ...secrets],
    },
  };
}

function networkOf(values: WallValues): WallSettings['network'] {
  return {
    internal: networks(values.networkInternal),
    external: networks(values.networkExternal),
    forbidden: networks(values.networkForbidden),
    inner4: onlyOne('network-inner4', values.networkInner4, 4),
    inner6: onlyOne('network-inner6', values.networkInner6, 6),
    resolvers: values.networkResolvers,
    mostConnections: values.networkConnections,
    setUpScript: values.networkSetUp,
    tearDownScript: values.networkTearDown,
    scriptMs: values.networkScriptMs,
    prepared: values.networkPrepared,
  };
}

function onlyOne(setting: string, texts: readonly string[], family: 4 | 6): IpNetwork {
  const [network, ...more] = networks(texts);
  if (network?.family === family && more.length === 0) return network;
  const facts = { setting, found: texts.join(', ') || 'empty', family };
  throw binErrors.create('INNER_NETWORK_WRONG', facts);
}

/** The reader of settings has checked them. */
function networks(texts: readonly string[]): IpNetwork[] {
  return texts.flatMap((text) => parseIpNetwork(text) ?? []);
}
