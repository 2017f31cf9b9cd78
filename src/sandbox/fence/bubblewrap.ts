/** Arguments for bubblewrap (bwrap(1), 0.5 or later; `--size` since 0.7). Pure. */
import type { Mount } from './view.ts';

export interface BubblewrapRequest {
  /** Absolute path of bwrap. */
  readonly bwrap: string;
  readonly mounts: readonly Mount[];
  /** In a user namespace, where the worker is not root. */
  readonly userNamespace: boolean;
  readonly cgroupNamespace: boolean;
  /** A network of its own that has nothing but loopback. */
  readonly emptyNetwork: boolean;
  readonly directory: string;
}

/**
 * PID, IPC and UTS namespaces always go with the mounts: a /proc of one's own needs the first, and
 * the others cost nothing beside it.
 */
export function bubblewrapArguments(request: BubblewrapRequest): string[] {
  const { bwrap, mounts, userNamespace, cgroupNamespace, emptyNetwork, directory } = request;
  return [
    bwrap,
    '--die-with-parent',
    // The last stage is the first process: it tells signals from exit codes, bwrap's own does not.
    '--as-pid-1',
    ...(userNamespace ? ['--unshare-user'] : []),
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    ...(cgroupNamespace ? ['--unshare-cgroup'] : []),
    ...(emptyNetwork ? ['--unshare-net'] : []),
    ...mounts.flatMap((mount, at) => [
      ...waysTo(mount, mounts.slice(0, at)),
      ...mountArguments(mount),
    ]),
    '--chdir',
    directory,
    '--',
  ];
}

/**
 * Folders on the way from what was mounted before to a bind below it. Those that bwrap makes by
 * itself have what the umask leaves, and another account could not pass through them.
 */
function waysTo(mount: Mount, earlier: readonly Mount[]): string[] {
  if (!mount.kind.startsWith('bind')) return [];
  const above = earlier
    // The machine's own root has all that is on the way; an empty one has nothing.
    .filter(({ target, kind }) => target !== '/' || kind === 'empty')
    .map(({ target }) => (target === '/' ? '' : target))
    .filter((target) => mount.target.startsWith(`${target}/`));
  const nearest = above.toSorted((a, b) => b.length - a.length)[0];
  if (nearest === undefined) return [];
  const names = mount.target
    .slice(nearest.length + 1)
    .split('/')
    .slice(0, -1);
  const ways = names.map((_, count) => [nearest, ...names.slice(0, count + 1)].join('/'));
  return ways.flatMap((way) => ['--perms', '0755', '--dir', way]);
}

function mountArguments(mount: Mount): string[] {
  switch (mount.kind) {
    case 'bind':
      return ['--bind', mount.source, mount.target];
    case 'bind-read-only':
      return ['--ro-bind', mount.source, mount.target];
    case 'bind-device':
      return ['--dev-bind', mount.source, mount.target];
    case 'empty':
      return ['--tmpfs', mount.target];
    case 'seal':
      return ['--remount-ro', mount.target];
    case 'link':
      return ['--symlink', mount.source, mount.target];
    case 'devices':
      // bwrap leaves /dev/shm to whoever ran it, which another account could not use.
      return [
        ...['--dev', mount.target, '--perms', '1777'],
        ...(mount.sharedMemoryBytes === null ? [] : ['--size', String(mount.sharedMemoryBytes)]),
        ...['--tmpfs', `${mount.target}/shm`],
      ];
    case 'processes':
      return ['--proc', mount.target];
  }
}
