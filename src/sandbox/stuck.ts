/** Processes that SIGKILL does not end, as those that sleep in the kernel on a dead file server. */
import { readFileSync } from 'node:fs';
import { type ProcessRow, readProcess } from './process-table.ts';

export interface Stuck {
  readonly pid: number;
  readonly command: string;
  /** As proc_pid_stat(5) has it: `D` is a sleep inside the kernel that no signal ends. */
  readonly state: string;
  /** The kernel function that it sleeps in; `''` where that is not told. */
  readonly waitingIn: string;
}

/** Those of `pids` that are there still; what is dead and only not reaped is not. */
export function stuckAmong(pids: readonly number[]): Stuck[] {
  return pids.flatMap((pid) => {
    const row = readProcess(pid);
    if (row === null || row.state === 'Z' || row.state === 'X') return [];
    return [
      { pid, command: textOf(pid, 'comm'), state: row.state, waitingIn: textOf(pid, 'wchan') },
    ];
  });
}

/** Pids of all that descends from `ancestor`, itself not included. */
export function descendantsOf(ancestor: number, table: readonly ProcessRow[]): number[] {
  const found = new Set([ancestor]);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const { pid, parent } of table) if (found.has(parent)) found.add(pid);
  }
  found.delete(ancestor);
  return [...found];
}

function textOf(pid: number, file: 'comm' | 'wchan'): string {
  try {
    const text = readFileSync(`/proc/${pid}/${file}`, 'latin1').trim();
    return text === '0' ? '' : text;
  } catch {
    return '';
  }
}
