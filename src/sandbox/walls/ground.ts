/** What walls stand on: the worker's place on its machine, and one attempt's place in it. */
import type { Isolation, ResourceRequest } from '#model';
import type { IoLimits } from '../cgroup/limits.ts';
import type { NetworkSettings } from '../network/settings.ts';
import type { Tracking } from '../tracking/ways.ts';

/** What all attempts of a worker share. */
export interface Ground {
  /**
   * `windrow-` and 8 hex digits, made from the worker's directory: everything that is made outside
   * of that directory (cgroups, devices, namespaces, firewall chains) has a name that begins so.
   * The next worker in the directory finds by it what a killed one left, and nobody else's.
   */
  readonly tag: string;
  /** The worker's own account. */
  readonly uid: number;
  readonly gid: number;
  /** Absolute; the worker's own, 0700. */
  readonly directory: string;
  readonly settings: WallSettings;
}

/** What the administrator of the machine says; described with the other settings. */
export interface WallSettings {
  readonly cgroup: CgroupSettings;
  readonly network: NetworkSettings;
  readonly place: PlaceSettings;
  readonly tracking: TrackingSettings;
  /** Accounts that jobs run as, by their owner; `*` is everybody else. */
  readonly payload: Readonly<Record<string, string>>;
}

export interface TrackingSettings {
  /** How an attempt's processes are known; `auto`: the strongest way that its walls give. */
  readonly way: Tracking;
  /** The group that marks the processes of slot 1; slot 2 has the next. 0: none are kept for it. */
  readonly firstGroup: number;
}

export interface CgroupSettings {
  /** Cgroup below which the worker makes its own, relative to the mount; `''`: its own. */
  readonly base: string;
  /** A hard ceiling at the CPUs asked for, instead of a share in proportion. */
  readonly cpuCeiling: boolean;
  /** Pins attempts that ask for whole CPUs to CPUs of their own. */
  readonly cpuPinning: boolean;
  /** `soft`: may exceed its request until the machine is short of memory. */
  readonly memoryLimit: 'hard' | 'soft';
  /** Processes and threads of an attempt whose job does not say how many; 0: no limit. */
  readonly mostTasks: number;
  /** Of block devices; null: none. */
  readonly io: IoLimits | null;
}

export interface PlaceSettings {
  /** Shared file systems: read-only, unless the job asks to write and `writable` has them. */
  readonly shared: readonly string[];
  readonly writable: readonly string[];
  /** Names of roots and where they are: a directory tree or a squashfs image. */
  readonly roots: Readonly<Record<string, string>>;
  /** Absolute paths that no attempt sees. */
  readonly hidden: readonly string[];
}

/** Who an attempt runs as. */
export interface Account {
  /** `slot1_user`, or the number where it has no name. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** No other slot has it: what the kernel counts for it is one attempt's. */
  readonly ofSlot?: boolean;
}

/** One attempt, as far as its walls must know it. */
export interface Plot {
  /** Unique among the attempts of this worker; letters, digits and `-`. */
  readonly name: string;
  /** From 1. */
  readonly slot: number;
  /** Numbers of the CPUs that are the attempt's alone; none where it has a share of all. */
  readonly cpus: readonly number[];
  readonly request: ResourceRequest;
  readonly isolation: Isolation;
  readonly account: Account;
  /** Absolute; exists, 0700. */
  readonly scratch: string;
  /** Where the program starts: `scratch`, or the user's own directory. */
  readonly directory: string;
  /** Device nodes that it may use besides the harmless ones; they exist. */
  readonly devices: readonly string[];
  /** Directories that it gets private ones of; they exist, and are no symbolic links. */
  readonly privateDirectories: readonly string[];
  /** Shared file systems, and those of them that it writes to; they exist, and are no symbolic links. */
  readonly shared: readonly string[];
  readonly writable: readonly string[];
  /**
   * What some of these directories are, as `wayTo` names it; those that another account than the worker's
   * could exchange before they are mounted.
   */
  readonly identities: ReadonlyMap<string, string>;
  /** Files that are mounted, read-only, at these names below its scratch. */
  readonly files: readonly { readonly source: string; readonly name: string }[];
}
