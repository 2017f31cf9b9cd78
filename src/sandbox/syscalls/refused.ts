/**
 * System calls that a program with walls is refused, with their numbers: those that containers
 * refuse by default (as Docker's and Podman's profiles do), since no capability is left that would
 * make them useful. Numbers are those of Linux's own tables (arch/x86/entry/syscalls,
 * include/uapi/asm-generic/unistd.h).
 */
export type Architecture = 'x64' | 'i386' | 'arm64';

/** The largest number known when this was written (Linux 6.17); later ones do not exist inside. */
export const LAST_SYSCALL = 469;

type Row = readonly [name: string, x64: number | null, i386: number | null, arm64: number | null];

const ROWS: readonly Row[] = [
  // Mounts and roots: what programs see of the file system is the walls' to say.
  ['mount', 165, 21, 40],
  ['umount', null, 22, null],
  ['umount2', 166, 52, 39],
  ['move_mount', 429, 429, 429],
  ['open_tree', 428, 428, 428],
  ['open_tree_attr', 467, 467, 467],
  ['fsopen', 430, 430, 430],
  ['fsconfig', 431, 431, 431],
  ['fsmount', 432, 432, 432],
  ['fspick', 433, 433, 433],
  ['mount_setattr', 442, 442, 442],
  ['pivot_root', 155, 217, 41],
  ['chroot', 161, 61, 51],
  ['open_by_handle_at', 304, 342, 265],
  ['quotactl', 179, 131, 60],
  ['quotactl_fd', 443, 443, 443],
  ['swapon', 167, 87, 224],
  ['swapoff', 168, 115, 225],
  ['fanotify_init', 300, 338, 262],
  ['uselib', 134, 86, null],
  ['ustat', 136, 62, null],
  ['sysfs', 139, 135, null],
  // Namespaces: a new user namespace would give back the privileges that were taken.
  ['unshare', 272, 310, 97],
  ['setns', 308, 346, 268],
  // The kernel itself: its code, its log, its time, its power.
  ['kexec_load', 246, 283, 104],
  ['kexec_file_load', 320, null, 294],
  ['init_module', 175, 128, 105],
  ['finit_module', 313, 350, 273],
  ['delete_module', 176, 129, 106],
  ['create_module', 174, 127, null],
  ['get_kernel_syms', 177, 130, null],
  ['query_module', 178, 167, null],
  ['bpf', 321, 357, 280],
  ['perf_event_open', 298, 336, 241],
  ['syslog', 103, 103, 116],
  ['reboot', 169, 88, 142],
  ['acct', 163, 51, 89],
  ['settimeofday', 164, 79, 170],
  ['clock_settime', 227, 264, 112],
  ['clock_settime64', null, 404, null],
  ['stime', null, 25, null],
  ['lookup_dcookie', 212, 253, 18],
  ['nfsservctl', 180, 169, 42],
  ['_sysctl', 156, 149, null],
  // Keyrings are not in any namespace.
  ['add_key', 248, 286, 217],
  ['request_key', 249, 287, 218],
  ['keyctl', 250, 288, 219],
  // Hardware and old machine modes.
  ['ioperm', 173, 101, null],
  ['iopl', 172, 110, null],
  ['vm86', null, 166, null],
  ['vm86old', null, 113, null],
  // The host's name, and other people's terminals.
  ['sethostname', 170, 74, 161],
  ['setdomainname', 171, 121, 162],
  ['vhangup', 153, 111, 58],
  // Widely used for breaking into the kernel, hardly by programs that compute.
  ['userfaultfd', 323, 374, 282],
  ['io_uring_setup', 425, 425, 425],
  ['io_uring_enter', 426, 426, 426],
  ['io_uring_register', 427, 427, 427],
  ['kcmp', 312, 349, 272],
  ['pidfd_getfd', 438, 438, 438],
  ['migrate_pages', 256, 294, 238],
  ['move_pages', 279, 317, 239],
];

const COLUMNS = { x64: 1, i386: 2, arm64: 3 } as const;

/** Numbers that are refused with EPERM, in ascending order. */
export function refusedNumbers(architecture: Architecture): number[] {
  const numbers = ROWS.map((row) => row[COLUMNS[architecture]]).filter((number) => number !== null);
  return numbers.sort((left, right) => left - right);
}

/** Calls of which only some uses are refused; see filter.ts. */
export const LOOKED_INTO: Readonly<
  Record<
    Architecture,
    {
      readonly clone: number;
      readonly clone3: number;
      readonly socket: number;
      readonly ioctl: number;
      readonly personality: number;
    }
  >
> = {
  x64: { clone: 56, clone3: 435, socket: 41, ioctl: 16, personality: 135 },
  i386: { clone: 120, clone3: 435, socket: 359, ioctl: 54, personality: 136 },
  arm64: { clone: 220, clone3: 435, socket: 198, ioctl: 29, personality: 92 },
};
