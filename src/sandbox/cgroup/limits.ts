/**
 * What an attempt is promised and held to, as writes to the files of its groups. Pure. Files and
 * ranges: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 */
import type { Controller } from './hierarchies.ts';

/** Null everywhere: no such limit. */
export interface GroupLimits {
  /** CPUs asked for, fractions too: the weight while CPUs are short, nothing while they idle. */
  readonly cpus: number;
  /** CPUs it may never exceed. */
  readonly cpuCeiling: number | null;
  /** Numbers of the CPUs it may run on. */
  readonly pinnedCpus: readonly number[] | null;
  /** May be exceeded until the machine is short of memory; then what is above goes first. */
  readonly memorySoftBytes: number | null;
  /** Never exceeded: what cannot be reclaimed ends the attempt. */
  readonly memoryHardBytes: number | null;
  /** Processes and threads together, as the kernel counts them. */
  readonly tasks: number | null;
  readonly io: IoLimits | null;
}

export interface IoLimits {
  /** 1 to 10000; 100 is everybody's. */
  readonly weight: number | null;
  /** Limits of block devices, `major:minor`. */
  readonly devices: readonly {
    readonly device: string;
    readonly readBytesPerSecond: number | null;
    readonly writeBytesPerSecond: number | null;
  }[];
}

export const NO_LIMITS: GroupLimits = {
  cpus: 1,
  cpuCeiling: null,
  pinnedCpus: null,
  memorySoftBytes: null,
  memoryHardBytes: null,
  tasks: null,
  io: null,
};

/** What a limit is for, as people are told of it. */
export type LimitName =
  | 'cpu weight'
  | 'cpu ceiling'
  | 'cpu pinning'
  | 'memory soft'
  | 'memory hard'
  | 'swap'
  | 'oom unit'
  | 'tasks'
  | 'io weight'
  | 'io limit';

/** One write to a file of a group. */
export interface Setting {
  readonly limit: LimitName;
  /** File name inside the group's directory. */
  readonly file: string;
  readonly value: string;
  /** The same under other kernels or schedulers, tried in this order. */
  readonly otherwise: readonly { readonly file: string; readonly value: string }[];
  /** The kernel may lack the file without anything being lost, as that of swap without swap. */
  readonly mayLack: boolean;
}

/** The period over which a CPU ceiling is kept, the kernel's default. */
const CEILING_PERIOD_US = 100_000;

/** The settings of `controller` for a group, in the order in which they must be written. */
export function settingsOf(
  version: 1 | 2,
  controller: Controller,
  limits: GroupLimits,
): readonly Setting[] {
  const write = version === 2 ? SECOND : FIRST;
  return write[controller]?.(limits) ?? [];
}

type Writer = (limits: GroupLimits) => Setting[];

const SECOND: Partial<Record<Controller, Writer>> = {
  cpu: (limits) => [
    set('cpu weight', 'cpu.weight', within(100 * limits.cpus, 1, 10_000)),
    ...given(limits.cpuCeiling, (cpus) => [
      set('cpu ceiling', 'cpu.max', `${quotaUs(cpus)} ${CEILING_PERIOD_US}`),
    ]),
  ],
  cpuset: pinning,
  memory: (limits) => [
    // Not memory.high, which would slow the attempt down to a crawl however much memory is free.
    ...given(limits.memorySoftBytes, (bytes) => [set('memory soft', 'memory.low', bytes)]),
    ...given(limits.memoryHardBytes, (bytes) => [
      set('memory hard', 'memory.max', bytes),
      { ...set('swap', 'memory.swap.max', 0), mayLack: true },
    ]),
    set('oom unit', 'memory.oom.group', 1),
  ],
  pids: taskLimit,
  io: ({ io }) => [
    ...given(io?.weight ?? null, (weight) => [
      set('io weight', 'io.weight', `default ${within(weight, 1, 10_000)}`, [
        { file: 'io.bfq.weight', value: `default ${within(weight, 1, 1000)}` },
      ]),
    ]),
    ...(io?.devices ?? []).map((entry) =>
      set(
        'io limit',
        'io.max',
        `${entry.device} rbps=${entry.readBytesPerSecond ?? 'max'} wbps=${entry.writeBytesPerSecond ?? 'max'}`,
      ),
    ),
  ],
};

const FIRST: Partial<Record<Controller, Writer>> = {
  cpu: (limits) => [
    // 1024 is everybody's, as 100 is in version 2.
    set('cpu weight', 'cpu.shares', within(1024 * limits.cpus, 2, 262_144)),
    ...given(limits.cpuCeiling, (cpus) => [
      set('cpu ceiling', 'cpu.cfs_period_us', CEILING_PERIOD_US),
      set('cpu ceiling', 'cpu.cfs_quota_us', quotaUs(cpus)),
    ]),
  ],
  cpuset: pinning,
  memory: (limits) => [
    ...given(limits.memorySoftBytes, (bytes) => [
      set('memory soft', 'memory.soft_limit_in_bytes', bytes),
    ]),
    ...given(limits.memoryHardBytes, (bytes) => [
      set('memory hard', 'memory.limit_in_bytes', bytes),
      // Of memory and swap together: may not be less than that of memory, so it comes second.
      { ...set('swap', 'memory.memsw.limit_in_bytes', bytes), mayLack: true },
      { ...set('swap', 'memory.swappiness', 0), mayLack: true },
    ]),
  ],
  pids: taskLimit,
  io: ({ io }) => [
    ...given(io?.weight ?? null, (weight) => [
      set('io weight', 'blkio.bfq.weight', within(weight, 1, 1000), [
        { file: 'blkio.weight', value: String(within(5 * weight, 10, 1000)) },
      ]),
    ]),
    ...(io?.devices ?? []).flatMap((entry) => [
      ...given(entry.readBytesPerSecond, (bytes) => [
        set('io limit', 'blkio.throttle.read_bps_device', `${entry.device} ${bytes}`),
      ]),
      ...given(entry.writeBytesPerSecond, (bytes) => [
        set('io limit', 'blkio.throttle.write_bps_device', `${entry.device} ${bytes}`),
      ]),
    ]),
  ],
};

function pinning({ pinnedCpus }: GroupLimits): Setting[] {
  return given(pinnedCpus, (cpus) => [set('cpu pinning', 'cpuset.cpus', cpus.join())]);
}

function taskLimit({ tasks }: GroupLimits): Setting[] {
  return given(tasks, (count) => [set('tasks', 'pids.max', count)]);
}

/** The kernel takes no quota below a millisecond. */
function quotaUs(cpus: number): number {
  return Math.max(1000, Math.round(cpus * CEILING_PERIOD_US));
}

function set(
  limit: LimitName,
  file: string,
  value: number | string,
  otherwise: Setting['otherwise'] = [],
): Setting {
  return { limit, file, value: String(value), otherwise, mayLack: false };
}

function given<T>(wanted: T | null, make: (wanted: T) => Setting[]): Setting[] {
  return wanted === null ? [] : make(wanted);
}

function within(value: number, least: number, most: number): number {
  return Math.min(Math.max(Math.round(value), least), most);
}
