/** What the worker reads of /proc. Processes come and go while one reads: a gone one is no error. */
import { readdirSync, readFileSync } from 'node:fs';

/** Ids of all processes this one can see; empty where there is no /proc. */
export function processIds(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** Clock ticks a second, of sysconf(_SC_CLK_TCK): 100 on every Linux that programs can see. */
const TICK_MS = 10;

/**
 * CPU time of a process and of its children that it has waited for (fields 14 to 17 of proc(5) stat).
 * Zeros when it is gone.
 */
export function timesOf(pid: number): { userMs: number; systemMs: number } {
  const stat = read(`/proc/${pid}/stat`);
  // The name (field 2) may hold spaces and brackets, so fields are counted after the last ')'.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const ticks = (index: number): number => Number(fields[index] ?? 0);
  return {
    userMs: (ticks(11) + ticks(13)) * TICK_MS,
    systemMs: (ticks(12) + ticks(14)) * TICK_MS,
  };
}

/** Threads of a process, the first one included; 0 when it is gone. */
export function threadsOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[17] ?? 0);
}

/**
 * The value of `name` in the environment a process was started with: it stays with every
 * descendant, whatever sessions and groups they make. Undefined if unset, gone or not ours to read.
 */
export function environmentValueOf(pid: number, name: string): string | undefined {
  const text = read(`/proc/${pid}/environ`);
  if (text === undefined) return undefined;
  const from = text.startsWith(`${name}=`) ? 0 : text.indexOf(`\0${name}=`) + 1;
  if (from === 0 && !text.startsWith(`${name}=`)) return undefined;
  const end = text.indexOf('\0', from);
  const value = text.slice(from + name.length + 1, end < 0 ? text.length : end);
  return Buffer.from(value, 'latin1').toString('utf8');
}

/** Resident bytes; pages shared between processes count in each. 0 when gone. */
export function residentBytesOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1];
  return kib === undefined ? 0 : Number(kib) * 1024;
}

/** Bytes with shared pages divided among their users: dear to compute, exact. 0 when gone. */
export function proportionalBytesOf(pid: number): number {
  const kib = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
  return kib === undefined ? residentBytesOf(pid) : Number(kib) * 1024;
}
