/** The processes of this machine as /proc shows them. Empty where there is no /proc. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { systemCodeOf } from '#base';

/** One process, from /proc/PID/stat, proc_pid_stat(5). */
export interface ProcessRow {
  readonly pid: number;
  /** Of the command, at most 15 bytes; a program may change it. */
  readonly name: string;
  /** `Z` is dead and only not reaped. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** A thread of the kernel: no program, no environment. */
  readonly kernel: boolean;
  /** Own time and that of children it waited for, in clock ticks. */
  readonly userTicks: number;
  readonly systemTicks: number;
  /** Clock ticks since the machine started; with the pid it names one process for ever. */
  readonly startTicks: number;
  readonly residentPages: number;
  readonly threads: number;
}

const STAT_LIMIT_BYTES = 1024;
/** Of the flags in field 9, include/linux/sched.h. */
const PF_KTHREAD = 0x0020_0000;
const buffer = Buffer.alloc(STAT_LIMIT_BYTES);

/** Reads one process, or one thread of it; null when it is gone. */
export function readProcess(pid: number, thread?: number): ProcessRow | null {
  const path = thread === undefined ? `${pid}` : `${pid}/task/${thread}`;
  const text = readSmallFile(`/proc/${path}/stat`);
  return text === null ? null : parseStat(text);
}

/** Reads them all, about 10 µs each. */
export function readProcessTable(): ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const pid of listProcesses()) {
    const row = readProcess(pid);
    if (row !== null) rows.push(row);
  }
  return rows;
}

export function listProcesses(): number[] {
  return numbersIn('/proc');
}

/** Threads of a process, the first one included. */
export function listThreads(pid: number): number[] {
  return numbersIn(`/proc/${pid}/task`);
}

function numbersIn(directory: string): number[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/**
 * The value of `name` in the environment the process was started with. Null: it has none, or
 * belongs to another user; undefined: no telling, as in the middle of an exec.
 */
export function readVariable(pid: number, name: string): string | null | undefined {
  let environment: string;
  try {
    environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch (error) {
    return systemCodeOf(error) === 'EACCES' ? null : undefined;
  }
  if (environment === '') return undefined;
  const begin = `\0${environment}`.indexOf(`\0${name}=`);
  if (begin < 0) return null;
  const from = begin + name.length + 1;
  const end = environment.indexOf('\0', from);
  return environment.slice(from, end < 0 ? undefined : end);
}

/** Bytes that a process has read from disks and sent to them, proc_pid_io(5); null if not told. */
export function readDiskBytes(pid: number): { read: number; written: number } | null {
  const text = readSmallFile(`/proc/${pid}/io`);
  const read = /^read_bytes: (\d+)$/m.exec(text ?? '')?.[1];
  const written = /^write_bytes: (\d+)$/m.exec(text ?? '')?.[1];
  return read && written ? { read: Number(read), written: Number(written) } : null;
}

function readSmallFile(path: string): string | null {
  try {
    const fd = openSync(path, 'r');
    try {
      return buffer.toString('latin1', 0, readSync(fd, buffer, 0, STAT_LIMIT_BYTES, 0));
    } finally {
      closeSync(fd);
    }
  } catch {
    return null;
  }
}

/** The command name may hold spaces and parentheses: the fields begin after the last one. */
export function parseStat(text: string): ProcessRow | null {
  const nameEnd = text.lastIndexOf(')');
  const fields = text.slice(nameEnd + 2).split(' ');
  if (nameEnd < 0 || fields.length < 22) return null;
  const field = (number: number) => Number(fields[number - 3]);
  return {
    pid: Number.parseInt(text, 10),
    name: text.slice(text.indexOf('(') + 1, nameEnd),
    state: fields[0]!,
    parent: field(4),
    group: field(5),
    session: field(6),
    kernel: (field(9) & PF_KTHREAD) !== 0,
    userTicks: field(14) + field(16),
    systemTicks: field(15) + field(17),
    startTicks: field(22),
    residentPages: field(24),
    threads: field(20),
  };
}

/** AT_PAGESZ and AT_CLKTCK of the auxiliary vector, getauxval(3): 64-bit pairs, native order. */
function readAuxiliary(type: bigint, otherwise: number): number {
  try {
    const vector = readFileSync('/proc/self/auxv');
    for (let at = 0; at + 16 <= vector.length; at += 16) {
      if (vector.readBigUInt64LE(at) === type) return Number(vector.readBigUInt64LE(at + 8));
    }
  } catch {
    // No /proc: nothing will be measured in these units either.
  }
  return otherwise;
}

let units: { pageBytes: number; tickMs: number } | undefined;

/** What a page and a clock tick are on this machine. */
export function processUnits(): { pageBytes: number; tickMs: number } {
  units ??= { pageBytes: readAuxiliary(6n, 4096), tickMs: 1000 / readAuxiliary(17n, 100) };
  return units;
}
