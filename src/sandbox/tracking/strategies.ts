/**
 * Ways of knowing which processes came of a program, in the order of their strength. Each can be
 * used alone, and each says what it can miss; the strongest that a machine offers is used.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { COOKIE_VARIABLE } from '../cookie.ts';
import { type ProcessRow, readProcessTable, readVariable } from '../process-table.ts';

export const STRATEGIES = [
  {
    name: 'cgroup',
    how: 'the kernel puts every new process into the cgroup of the one that forked it',
    misses: 'nothing that the program itself starts',
  },
  {
    name: 'pid namespace',
    how: 'everything that descends from the first process of the namespace is in it, and ends with it',
    misses: 'nothing that the program itself starts',
  },
  {
    name: 'group id',
    how: 'a supplementary group that nobody else has, which only root could drop',
    misses: 'programs that run as root',
  },
  {
    name: 'adoption',
    how: 'the launcher adopts every orphan, so that all of them stay its descendants',
    misses: 'all that is left when the launcher itself is killed',
  },
  {
    name: 'cookie',
    how: 'a variable in the environment that no other start has, handed on from process to process',
    misses: 'processes that clean their environment, and those of other users unless root looks',
  },
  {
    name: 'process tree',
    how: 'whose parent, or parent’s parent, is the program',
    misses: 'a process whose parent has ended, as that of every daemon has',
  },
  {
    name: 'process group',
    how: 'the group that the program leads',
    misses: 'processes that begin a group or a session of their own, as shells with job control do',
  },
] as const;
export type Strategy = (typeof STRATEGIES)[number]['name'];

/** What is known of a program's processes; a strategy whose mark is absent finds nothing. */
export interface Marks {
  /** Its pid; it leads a process group. */
  readonly leader?: number;
  readonly cookie?: string;
  readonly groupId?: number;
  /** As the link /proc/PID/ns/pid names it, e.g. `pid:[4026531836]`. */
  readonly pidNamespace?: string;
}

/** The living processes that one strategy finds, this process never among them. */
export function findBy(
  strategy: Exclude<Strategy, 'cgroup' | 'adoption'>,
  marks: Marks,
): ProcessRow[] {
  const rows = readProcessTable().filter(
    ({ pid, state, kernel }) => pid !== process.pid && state !== 'Z' && state !== 'X' && !kernel,
  );
  const { leader, cookie, groupId, pidNamespace } = marks;
  switch (strategy) {
    case 'pid namespace':
      return rows.filter(
        ({ pid }) => pidNamespace !== undefined && namespaceOf(pid) === pidNamespace,
      );
    case 'group id':
      return rows.filter(({ pid }) => groupId !== undefined && groupsOf(pid).includes(groupId));
    case 'cookie':
      return rows.filter(
        ({ pid }) => cookie !== undefined && readVariable(pid, COOKIE_VARIABLE) === cookie,
      );
    case 'process tree':
      return leader === undefined ? [] : descendants(rows, leader);
    case 'process group':
      return rows.filter(({ group }) => group === leader);
  }
}

/** `leader` and all that descends from it. */
function descendants(rows: readonly ProcessRow[], leader: number): ProcessRow[] {
  const found = new Set(rows.filter(({ pid }) => pid === leader).map(({ pid }) => pid));
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const { pid, parent } of rows) if (found.has(parent) || parent === leader) found.add(pid);
  }
  return rows.filter(({ pid }) => found.has(pid));
}

/** `''` when it is gone or not ours to look at. */
export function namespaceOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return '';
  }
}

function groupsOf(pid: number): number[] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const listed = /^Groups:[ \t]*(.*)$/m.exec(status)?.[1] ?? '';
    return listed
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
  } catch {
    return [];
  }
}
