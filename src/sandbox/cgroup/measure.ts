/** What a group used, from the kernel's own figures; null where this kernel has none. */
import type { GroupFiles } from './group-files.ts';
import type { Branch, Roles } from './roles.ts';

export interface GroupUsage {
  readonly cpuUserMs: number | null;
  readonly cpuSystemMs: number | null;
  readonly memory: GroupMemory | null;
  /** Of block devices; version 1 does not count what is written back later. */
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
  /** Most processes and threads at once; the kernel remembers since 6.1. */
  readonly tasksPeak: number | null;
  /** How often a new process was refused because of the limit. */
  readonly tasksRefused: number;
}

export interface GroupMemory {
  /** Most that was ever charged to the group, page cache included; null before Linux 5.19 (v2). */
  readonly chargedPeakBytes: number | null;
  /** Page cache charged now, shared memory and tmpfs not included: it could be dropped. */
  readonly cacheBytes: number;
  /** What could not be dropped: anonymous and shared memory, and the kernel's own for them. */
  readonly workingBytes: number;
  /** Processes of the group that were ended for lack of memory. */
  readonly oomKills: number;
}

/** Reads the figures of an attempt's groups; also after its last process has ended. */
export function measureGroup(roles: Roles, files: GroupFiles): GroupUsage {
  const at = (branch: Branch | null, file: string) =>
    branch === null ? null : files.read(`${branch.path}/${file}`);
  const peak = numberIn(at(roles.tasks, 'pids.peak'));
  const io = roles.io?.version === 2 ? deviceBytes(at(roles.io, 'io.stat')) : null;
  return {
    ...cpuTimes(roles, (file) => at(roles.cpuTime, file)),
    memory: roles.memory && readMemory(roles.memory.version, (file) => at(roles.memory, file)),
    readBytes: io?.readBytes ?? null,
    writtenBytes: io?.writtenBytes ?? null,
    tasksPeak: peak,
    tasksRefused: fieldsOf(at(roles.tasks, 'pids.events')).get('max') ?? 0,
  };
}

/** Only what limits need while a program runs: two small files. */
export function sampleMemory({ memory }: Roles, files: GroupFiles): GroupMemory | null {
  if (memory === null) return null;
  return readMemory(memory.version, (file) => files.read(`${memory.path}/${file}`));
}

type Read = (file: string) => string | null;

function cpuTimes(
  { cpuTime }: Roles,
  read: Read,
): { cpuUserMs: number | null; cpuSystemMs: number | null } {
  if (cpuTime === null) return { cpuUserMs: null, cpuSystemMs: null };
  if (cpuTime.version === 2) {
    const stat = fieldsOf(read('cpu.stat'));
    return {
      cpuUserMs: scaled(stat.get('user_usec'), 1000),
      cpuSystemMs: scaled(stat.get('system_usec'), 1000),
    };
  }
  const user = numberIn(read('cpuacct.usage_user'));
  const system = numberIn(read('cpuacct.usage_sys'));
  return { cpuUserMs: scaled(user, 1e6), cpuSystemMs: scaled(system, 1e6) };
}

function readMemory(version: 1 | 2, read: Read): GroupMemory | null {
  const stat = fieldsOf(read('memory.stat'));
  if (stat.isEmpty) return null;
  return version === 2 ? second(stat, read) : first(stat, read);
}

function second(stat: Fields, read: Read): GroupMemory {
  const shared = stat.get('shmem') ?? 0;
  const kernel =
    stat.get('kernel') ?? (stat.get('kernel_stack') ?? 0) + (stat.get('pagetables') ?? 0);
  return {
    chargedPeakBytes: numberIn(read('memory.peak')),
    cacheBytes: Math.max(0, (stat.get('file') ?? 0) - shared),
    workingBytes: (stat.get('anon') ?? 0) + shared + kernel,
    oomKills: fieldsOf(read('memory.events')).get('oom_kill') ?? 0,
  };
}

function first(stat: Fields, read: Read): GroupMemory {
  const shared = stat.get('total_shmem') ?? 0;
  return {
    chargedPeakBytes: numberIn(read('memory.max_usage_in_bytes')),
    cacheBytes: Math.max(0, (stat.get('total_cache') ?? 0) - shared),
    workingBytes:
      (stat.get('total_rss') ?? 0) + shared + (numberIn(read('memory.kmem.usage_in_bytes')) ?? 0),
    oomKills: fieldsOf(read('memory.oom_control')).get('oom_kill') ?? 0,
  };
}

/** `8:0 rbytes=1 wbytes=2 …`, one line for each device. */
function deviceBytes(text: string | null): { readBytes: number; writtenBytes: number } | null {
  if (text === null) return null;
  const sum = (key: string) =>
    [...text.matchAll(new RegExp(`\\b${key}=(\\d+)`, 'g'))].reduce(
      (total, found) => total + Number(found[1]),
      0,
    );
  return { readBytes: sum('rbytes'), writtenBytes: sum('wbytes') };
}

/** Lines of `key value`, of which few are wanted: memory.stat has forty. */
interface Fields {
  readonly isEmpty: boolean;
  get(key: string): number | undefined;
}

function fieldsOf(text: string | null): Fields {
  const lines = `\n${text ?? ''}`;
  return {
    isEmpty: lines.length === 1,
    get: (key) => {
      const at = lines.indexOf(`\n${key} `);
      if (at < 0) return undefined;
      const from = at + key.length + 2;
      return Number.parseInt(lines.slice(from, from + LONGEST_NUMBER), 10);
    },
  };
}

const LONGEST_NUMBER = 20;

function numberIn(text: string | null): number | null {
  const value = Number.parseInt(text ?? '', 10);
  return Number.isSafeInteger(value) ? value : null;
}

function scaled(value: number | null | undefined, by: number): number | null {
  return value == null ? null : value / by;
}
