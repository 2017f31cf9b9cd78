/** Processes of attempts that SIGKILL did not end, for as long as they are there. */
import { readFileSync } from 'node:fs';

interface Unkilled {
  readonly pid: number;
  /** Its start, in clock ticks since boot: another process may get its number. */
  readonly start: string;
}

/** More than a machine survives; only whether there are some is of interest. */
const MOST = 10_000;

export class UnkilledProcesses {
  #left: Unkilled[] = [];

  add(pids: readonly number[]): void {
    const found = pids.flatMap((pid) => {
      const start = startOf(pid);
      return start === null ? [] : [{ pid, start }];
    });
    this.#left = [...this.#left, ...found].slice(-MOST);
  }

  /** How many of them are still there. */
  count(): number {
    if (this.#left.length > 0) {
      this.#left = this.#left.filter(({ pid, start }) => startOf(pid) === start);
    }
    return this.#left.length;
  }
}

/** Null when it is gone, or is only a name that nobody has asked for yet. Format: proc_pid_stat(5). */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
