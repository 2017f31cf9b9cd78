/**
 * Where a node's Lustre tells what, as patterns: the same file moved from /proc to /sys and debugfs
 * over the versions, so each is looked for in several places, and the first that has it counts.
 */
import type { DirectoryList, FileRead } from '../../files/bounded-read.ts';
import type { Answers } from '../../files/safe-files.ts';

/** Reading of files and directories, as this source needs it. */
export interface TreeFiles {
  readFiles(paths: readonly string[], mostBytes: number): Promise<Answers<FileRead>>;
  /** The answer is the very same object as before where nothing has changed. */
  readFilesAgain(paths: readonly string[], mostBytes: number): Promise<Answers<FileRead>>;
  listDirectoriesAgain(paths: readonly string[], most: number): Promise<Answers<DirectoryList>>;
}

const ROOTS = ['/sys/fs/lustre', '/proc/fs/lustre', '/sys/kernel/debug/lustre'];
const LNET_ROOTS = ['/sys/kernel/debug/lnet', '/proc/sys/lnet'];

/** Directories with one entry for each device, and the files of each that are of interest. */
export const DEVICE_FILES = {
  osc: ['state', 'active'],
  osp: ['state', 'active'],
  mdc: ['state', 'active'],
  mgc: ['state'],
  lwp: ['state', 'active'],
  obdfilter: ['recovery_status', 'degraded', 'kbytestotal', 'kbytesavail'],
  mdt: ['recovery_status'],
  'osd-zfs': ['kbytestotal', 'kbytesavail'],
  'osd-ldiskfs': ['kbytestotal', 'kbytesavail'],
  llite: ['kbytestotal', 'kbytesavail'],
} as const;
export type DeviceKind = keyof typeof DEVICE_FILES;
const KINDS = Object.keys(DEVICE_FILES) as DeviceKind[];

/** Files that a node has once. Reasons for bad health are told in debugfs alone. */
const NODE_FILES = {
  health: ROOTS.slice(0, 2).map((root) => `${root}/health_check`),
  reasons: [`${ROOTS[2]}/health_check`],
  devices: [`${ROOTS[2]}/devices`, `${ROOTS[1]}/devices`],
  fileSystems: ROOTS.map((root) => `${root}/mgs/MGS/filesystems`),
  timeout: ROOTS.slice(0, 2).map((root) => `${root}/timeout`),
  catastrophe: LNET_ROOTS.map((root) => `${root}/catastrophe`),
  peers: LNET_ROOTS.map((root) => `${root}/peers`),
};
export type NodeFile = keyof typeof NODE_FILES;

/** `devices` has a line of 50 to 100 bytes for each of at most 8192. */
const FILE_BYTES = 1 << 20;
const DEVICES_MOST = 10_000;

/** What one file said, or why it did not. `missing`: in none of its places. */
export type Said =
  | { readonly kind: 'said'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unread'; readonly path: string; readonly reason: string };

export interface DeviceLook extends DeviceName {
  readonly files: ReadonlyMap<string, Said>;
}

export function hasSaid({ files }: DeviceLook): boolean {
  return [...files.values()].some(({ kind }) => kind !== 'missing');
}

/** Everything that one look at the node's Lustre found. */
export interface TreeLook {
  readonly node: Readonly<Record<NodeFile, Said>>;
  readonly devices: readonly DeviceLook[];
  /** Directories that could not be listed: what is in them is not known, rather than gone. */
  readonly unlisted: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Looks at a tree as often as it is called. Where nothing has changed the look is the very same
 * object as before, so that nobody has to think about it again.
 *
 * @param root before all paths; `''` but for tests and other people's trees
 */
export function treeLooker(files: TreeFiles, root: string): () => Promise<TreeLook> {
  const directories = KINDS.flatMap((kind) => ROOTS.map((one) => `${root}${one}/${kind}`));
  let listed: Answers<DirectoryList> = new Map();
  let wanted = wantedOf(root, listed);
  let found: Answers<FileRead> = new Map();
  let look = lookOf(root, wanted, found);
  return async () => {
    const nowListed = await files.listDirectoriesAgain(directories, DEVICES_MOST);
    if (nowListed !== listed) wanted = wantedOf(root, nowListed);
    const nowFound = await files.readFilesAgain(wanted.paths, FILE_BYTES);
    if (nowListed !== listed || nowFound !== found) look = lookOf(root, wanted, nowFound);
    [listed, found] = [nowListed, nowFound];
    return look;
  };
}

interface Wanted {
  readonly places: readonly DevicePlace[];
  readonly unlisted: TreeLook['unlisted'];
  /** Of all files, wherever they may be. */
  readonly paths: readonly string[];
}

function wantedOf(root: string, listed: Answers<DirectoryList>): Wanted {
  const { places, unlisted } = devicePlaces(root, listed);
  const ofNode = Object.values(NODE_FILES).flatMap((paths) => paths.map((path) => root + path));
  const ofDevices = places.flatMap(({ kind, directories }) =>
    DEVICE_FILES[kind].flatMap((file) => directories.map((directory) => `${directory}/${file}`)),
  );
  return { places, unlisted, paths: [...new Set([...ofNode, ...ofDevices])] };
}

function lookOf(root: string, { places, unlisted }: Wanted, found: Answers<FileRead>): TreeLook {
  const node = Object.fromEntries(
    Object.entries(NODE_FILES).map(([name, paths]) => [
      name,
      firstOf(
        paths.map((path) => root + path),
        found,
      ),
    ]),
  ) as Record<NodeFile, Said>;
  const devices = places.map(({ kind, name, directories }) => {
    const said = DEVICE_FILES[kind].map((file): [string, Said] => [
      file,
      firstOf(
        directories.map((directory) => `${directory}/${file}`),
        found,
      ),
    ]);
    return { kind, name, files: new Map(said) };
  });
  return { node, devices, unlisted };
}

/** One more file of some devices, for when it is worth a look. By `kind name`. */
export async function readOfDevices(
  files: TreeFiles,
  root: string,
  devices: readonly DeviceName[],
  file: string,
): Promise<Map<string, Said>> {
  const pathsOf = ({ kind, name }: DeviceName) =>
    ROOTS.map((one) => `${root}${one}/${kind}/${name}/${file}`);
  const found = await files.readFiles(devices.flatMap(pathsOf), FILE_BYTES);
  return new Map(
    devices.map((device) => [`${device.kind} ${device.name}`, firstOf(pathsOf(device), found)]),
  );
}

export interface DeviceName {
  readonly kind: DeviceKind;
  readonly name: string;
}

interface DevicePlace {
  readonly kind: DeviceKind;
  readonly name: string;
  readonly directories: string[];
}

function devicePlaces(
  root: string,
  listed: Answers<DirectoryList>,
): { places: DevicePlace[]; unlisted: { path: string; reason: string }[] } {
  const places = new Map<string, DevicePlace>();
  const unlisted: { path: string; reason: string }[] = [];
  for (const kind of KINDS) {
    for (const one of ROOTS) {
      const directory = `${root}${one}/${kind}`;
      const list = listed.get(directory);
      if (list?.kind !== 'listed') {
        const reason = list && reasonOf(list);
        if (reason) unlisted.push({ path: directory, reason });
        continue;
      }
      for (const name of list.names) {
        // Some versions show the imports of an MDT twice, as osc and as osp.
        const key = kind === 'osp' ? `osc ${name}` : `${kind} ${name}`;
        const place = places.get(key) ?? { kind, name, directories: [] };
        place.directories.push(`${directory}/${name}`);
        places.set(key, place);
      }
    }
  }
  return { places: [...places.values()], unlisted };
}

/** What cannot be read for lack of rights is as good as not there: debugfs is root's alone. */
const NO_RIGHTS = new Set(['EACCES', 'EPERM']);

/** Why something that is there could not be read; null where there is nothing for us. */
function reasonOf(read: FileRead | DirectoryList): string | null {
  if (read.kind === 'stuck') return 'reading it does not come back';
  return read.kind === 'failed' && !NO_RIGHTS.has(read.reason) ? read.reason : null;
}

function firstOf(paths: readonly string[], found: ReadonlyMap<string, FileRead>): Said {
  let unread: Said = { kind: 'missing' };
  for (const path of paths) {
    const read = found.get(path);
    if (read?.kind === 'read') return { kind: 'said', text: Buffer.from(read.bytes).toString() };
    const reason = read && reasonOf(read);
    if (reason) unread = { kind: 'unread', path, reason };
  }
  return unread;
}
