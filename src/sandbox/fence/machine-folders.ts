/** Folders of /sys that show what an attempt has none of: they are empty behind every fence. */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { dirname, resolve } from 'node:path/posix';
import type { Hidden } from './view.ts';

const CGROUPS = '/sys/fs/cgroup';
const DEVICES_BY_NAME = '/sys/class/net';

let devices: { readonly names: string; readonly folders: readonly string[] } | null = null;

/**
 * All groups of the machine, with names and figures of other attempts; and, unless the attempt has
 * `hostNetwork`, its network devices. Those of a network of its own are not shown either: no /sys of it can
 * be mounted.
 */
export function machineFolders(hostNetwork: boolean): Hidden[] {
  const groups = existsSync(CGROUPS) ? [CGROUPS] : [];
  const paths = hostNetwork ? groups : [...groups, ...deviceFolders()];
  return paths.map((path) => ({ path, directory: true }));
}

/** Read anew only when devices have come or gone. */
function deviceFolders(): readonly string[] {
  const names = namesIn(DEVICES_BY_NAME);
  const key = names.join('/');
  if (devices?.names !== key) devices = { names: key, folders: foldersOf(names) };
  return devices.folders;
}

function foldersOf(names: readonly string[]): string[] {
  const folders = names.flatMap((name) => {
    try {
      const device = resolve(DEVICES_BY_NAME, readlinkSync(`${DEVICES_BY_NAME}/${name}`));
      return [dirname(device)];
    } catch {
      return []; // no device, but a switch such as bonding_masters; or it has just gone
    }
  });
  return [...new Set([DEVICES_BY_NAME, ...folders])].filter((folder) => existsSync(folder));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
