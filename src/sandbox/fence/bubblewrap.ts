/** Arguments for bubblewrap (bwrap(1), 0.5 or later). Pure. */
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
    ...mounts.flatMap(mountArguments),
    '--chdir',
    directory,
    '--',
  ];
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
      return ['--dev', mount.target, '--perms', '1777', '--tmpfs', `${mount.target}/shm`];
    case 'processes':
      return ['--proc', mount.target];
  }
}
