/**
 * What an attempt sees of the file system, as an ordered list of mounts: later ones lie over
 * earlier ones. Pure; bubblewrap.ts turns it into arguments.
 */
import type { Bind } from '../walls/part.ts';

export type Mount =
  | { readonly kind: 'bind'; readonly source: string; readonly target: string }
  | { readonly kind: 'bind-read-only'; readonly source: string; readonly target: string }
  | { readonly kind: 'bind-device'; readonly source: string; readonly target: string }
  /** An empty directory in memory, in which only mount points are made. */
  | { readonly kind: 'empty'; readonly target: string }
  /** What was made there by now cannot be written any more. */
  | { readonly kind: 'seal'; readonly target: string }
  | { readonly kind: 'link'; readonly source: string; readonly target: string }
  /** A /dev with the harmless devices, terminals and a /dev/shm of its own that everybody may use. */
  | {
      readonly kind: 'devices';
      readonly target: '/dev';
      /** The most that /dev/shm may hold; null: half of the machine's memory. */
      readonly sharedMemoryBytes: number | null;
    }
  /** A /proc of the PID namespace. */
  | { readonly kind: 'processes'; readonly target: '/proc' };

/** A file system that an attempt runs in instead of the machine's own. */
export interface OtherRoot {
  readonly path: string;
  /** Names at its top; where one is a symbolic link, what it says. */
  readonly entries: readonly { readonly name: string; readonly link: string | null }[];
}

export interface Hidden {
  readonly path: string;
  readonly directory: boolean;
}

/** Every path is absolute, exists on the host, and is without `.`, `..` and symbolic links. */
export interface ViewRequest {
  /** Null: the machine's own. */
  readonly root: OtherRoot | null;
  readonly readOnly: boolean;
  /** Empty directories are made by the account that the program has: it could write there. */
  readonly ownsEmpty: boolean;
  readonly sharedMemoryBytes: number | null;
  /** Directories that get a private one: where it is seen, and where it really lies. */
  readonly privateDirectories: readonly { readonly seen: string; readonly real: string }[];
  /** Where scratch is seen, and where it really lies. */
  readonly scratch: { readonly seen: string; readonly real: string };
  /** Where the program starts; it is writable where its file system is. */
  readonly directory: string;
  /** Directories and files that are empty inside; scratch may lie in one of them. */
  readonly hidden: readonly Hidden[];
  readonly readOnlyShared: readonly string[];
  readonly writable: readonly string[];
  /** Files of other parts, and device nodes. */
  readonly binds: readonly Bind[];
  readonly devices: readonly string[];
}

/** Outer mounts come before those that lie in them. */
export function viewOf(request: ViewRequest): Mount[] {
  const { scratch, directory } = request;
  const wanted: Mount[] = [
    ...request.hidden.map(hide),
    ...request.readOnlyShared.map((path) => bindTo(path, path, true)),
    ...request.writable.map((path) => bindTo(path, path, false)),
    ...request.privateDirectories.map(({ seen, real }) => bindTo(real, seen, false)),
    ...request.binds.map(({ source, target, write }) => bindTo(source, target, !write)),
  ];
  if (directory !== scratch.seen) wanted.push(bindTo(directory, directory, false));
  wanted.push(bindTo(scratch.real, scratch.seen, false));
  const uncovered = wanted.filter(({ target, kind }, at) => {
    const isCovered = wanted.slice(at + 1).some((later) => later.target === target);
    return !isCovered || kind === 'empty';
  });
  const mounts: Mount[] = [
    ...base(request),
    { kind: 'devices', target: '/dev', sharedMemoryBytes: request.sharedMemoryBytes },
    { kind: 'processes', target: '/proc' },
    ...inOrder(uncovered, request),
    ...request.devices.map((path): Mount => {
      return { kind: 'bind-device', source: path, target: path };
    }),
  ];
  return request.ownsEmpty ? mounts.concat(seals(mounts)) : mounts;
}

/** Of most machines; a /dev and a /proc of its own lie over them, and what is hidden. */
const COVERED = [
  '/dev/pts',
  '/dev/shm',
  '/dev/mqueue',
  '/dev/hugepages',
  '/proc/sys/fs/binfmt_misc',
  '/sys/fs/cgroup',
];

/**
 * Places that are seen by nobody behind these mounts, whatever lies there, and that hold nothing which is
 * needed to make them: no source of theirs, and none of the paths in `needed`.
 */
export function coveredPlaces(mounts: readonly Mount[], needed: readonly string[]): string[] {
  const sources = mounts.flatMap((mount) =>
    'source' in mount && mount.kind !== 'link' ? [mount.source] : [],
  );
  const isNeeded = (place: string) => [...sources, ...needed].some((path) => isWithin(path, place));
  const covers = ({ kind }: Mount) =>
    kind === 'empty' || kind === 'devices' || kind === 'processes';
  const over = mounts.filter((mount) => covers(mount) && mount.target !== '/');
  return COVERED.filter(
    (place) => over.some(({ target }) => isWithin(place, target)) && !isNeeded(place),
  );
}

const NOTHING = '/dev/null';

function bindTo(source: string, target: string, readOnly: boolean): Mount {
  return { kind: readOnly ? 'bind-read-only' : 'bind', source, target };
}

function hide({ path, directory }: Hidden): Mount {
  return directory ? { kind: 'empty', target: path } : bindTo(NOTHING, path, true);
}

/** Made anew each time, or not wanted inside of another root. */
const NOT_TAKEN_OVER = new Set(['dev', 'proc', 'sys']);

function base({ root, readOnly }: ViewRequest): Mount[] {
  if (root === null) return [bindTo('/', '/', readOnly)];
  // Entry by entry: mount points can then be made beside them, without touching the root itself.
  const mounts: Mount[] = [{ kind: 'empty', target: '/' }];
  for (const { name, link } of root.entries) {
    const target = `/${name}`;
    if (NOT_TAKEN_OVER.has(name)) continue;
    if (link !== null) mounts.push({ kind: 'link', source: link, target });
    else mounts.push(bindTo(`${root.path}/${name}`, target, true));
  }
  return mounts;
}

/**
 * Sorted by depth. What is to be hidden in a directory whose contents are not the host's is not
 * there anyway.
 */
function inOrder(wanted: readonly Mount[], request: ViewRequest): Mount[] {
  const hidden = new Set(request.hidden.map(({ path }) => path));
  const foreign = new Set([...hidden, ...request.privateDirectories.map(({ seen }) => seen)]);
  const placed: Mount[] = [];
  for (const mount of wanted.toSorted((a, b) => depthOf(a.target) - depthOf(b.target))) {
    const under = placed.findLast(({ target }) => isWithin(mount.target, target));
    const isThere = under ? !foreign.has(under.target) : request.root === null;
    if (isThere || !hidden.has(mount.target)) placed.push(mount);
  }
  return placed;
}

/** Files that are made in memory would count for nobody. */
function seals(mounts: readonly Mount[]): Mount[] {
  const empty = mounts.filter(({ kind }) => kind === 'empty' || kind === 'devices');
  return empty.map(({ target }) => ({ kind: 'seal', target }));
}

function depthOf(path: string): number {
  return path === '/' ? 0 : path.split('/').length - 1;
}

/** Whether `path` is `directory` or lies below it; both are absolute and without `.` and `..`. */
export function isWithin(path: string, directory: string): boolean {
  if (!path.startsWith(directory)) return false;
  return path.length === directory.length || directory === '/' || path[directory.length] === '/';
}
