/**
 * Walls: what an attempt is kept from, each by a name that users, machines and records share.
 * docs/guide/isolation.md says of each what it promises and how it is made.
 */
export const WALLS = [
  /** Every process of the attempt is known and ends with it, whatever it does to hide. */
  'track',
  /** CPU time in proportion to the CPUs asked for. */
  'cpu',
  /** The kernel holds the attempt to its memory. */
  'memory',
  /** The kernel holds the attempt to a number of processes. */
  'tasks',
  /** The kernel holds what the attempt may write to its disk request. */
  'disk',
  /** It runs under an account that is neither root nor the worker's. */
  'account',
  /** No capabilities, and no way to gain any privilege. */
  'privileges',
  /** System calls that programs do not need and that reach into the kernel are refused. */
  'syscalls',
  /** No keyring of anybody else. */
  'keys',
  /** It sees and can signal no process but its own. */
  'pid',
  /** No shared memory, semaphores or message queues of anybody else. */
  'ipc',
  /** A host name of its own, which it cannot change for others. */
  'hostname',
  /** /tmp, /var/tmp and /dev/shm of its own. */
  'tmp',
  /** Other attempts' directories and the worker's own are not there. */
  'files',
  /** Only device nodes that everybody may use. */
  'devices',
  /** Nothing outside of its own directories can be written. */
  'readonly',
  /** Not the host's network: none, or one of its own in which every byte is counted. */
  'network',
] as const;

export type Wall = (typeof WALLS)[number];

const TRACKED: readonly Wall[] = ['track'];
const PRIVATE: readonly Wall[] = [
  ...TRACKED,
  'privileges',
  'syscalls',
  'keys',
  'pid',
  'ipc',
  'hostname',
  'tmp',
  'files',
  'devices',
];

/**
 * The ladder: each level has the walls of those before it. `cpu`, `memory`, `tasks`, `disk` and
 * `account` are on no rung: they depend on what is asked for and on who the worker is.
 */
export const LEVELS = {
  bare: [],
  tracked: TRACKED,
  private: PRIVATE,
  full: [...PRIVATE, 'readonly', 'network'],
} as const satisfies Readonly<Record<string, readonly Wall[]>>;

export type Level = keyof typeof LEVELS;
export const LEVEL_NAMES = Object.keys(LEVELS) as readonly Level[];

/** The highest level all of whose walls are in `had`. */
export function levelOf(had: readonly Wall[]): Level {
  return LEVEL_NAMES.findLast((level) => LEVELS[level].every((wall) => had.includes(wall)))!;
}

/** What network an attempt has. */
export const NETWORKS = ['host', 'none', 'accounted'] as const;
export type Network = (typeof NETWORKS)[number];

/** What a job says about its walls. */
export interface Isolation {
  /** Put up as far as the machine can; null: what the machine does by itself. */
  readonly walls: Level | readonly Wall[] | null;
  /** A machine that cannot put up all of these is never matched. */
  readonly require: readonly Wall[];
  /** Null: as the walls say, `none` behind a network wall and `host` otherwise. */
  readonly network: Network | null;
  /** Name of the root that it runs in, as its machine lists it; `''`: the machine's own. */
  readonly root: string;
  /** Absolute paths of shared file systems that it wants to write to. */
  readonly write: readonly string[];
}

/** What a job says that says nothing. */
export const NO_ISOLATION: Isolation = {
  walls: null,
  require: [],
  network: null,
  root: '',
  write: [],
};

/** Whether a machine must be able to do something for the job to run there at all. */
export function isDemanding({ require, network, root, write }: Isolation): boolean {
  const hasNetwork = network === 'none' || network === 'accounted';
  return require.length > 0 || hasNetwork || root !== '' || write.length > 0;
}

/** What a machine says about its walls. */
export interface MachineWalls {
  readonly able: readonly Wall[];
  readonly networks: readonly Network[];
  /** Names of the roots that it has. */
  readonly roots: readonly string[];
  /** Shared file systems that jobs may ask to write to. */
  readonly writable: readonly string[];
}

/** What an attempt's record says about its walls. */
export interface WallsHad {
  readonly wanted: Level | readonly Wall[];
  /** In the order of `WALLS`. */
  readonly had: readonly Wall[];
  readonly network: Network;
  readonly root: string;
  /** Name or number of the account that it ran under. */
  readonly account: string;
}
