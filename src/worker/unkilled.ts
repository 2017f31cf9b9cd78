/** Processes of attempts that SIGKILL did not end, for as long as they are there. */
import { readFileSync } from 'node:fs';

interface Unkilled {
  readonly pid: number;
  /** Its start, in clock ticks since boot: another process may get its number. */
  readonly start: string;
}

/** More than a machine survives; only whether there are some is of interest. */
const MOST_ATTEMPTS = 1000;

export class UnkilledProcesses {
  /** Of each attempt that left some. */
  #left: (readonly Unkilled[])[] = [];

  /** What one attempt has left. */
  add(pids: readonly number[]): void {
    const found = pids.flatMap((pid) => {
      const start = startOf(pid);
      return start === null ? [] : [{ pid, start }];
    });
    if (found.length > 0) this.#left = [...this.#left, found].slice(-MOST_ATTEMPTS);
  }

  /** How many of them are still there. */
  count(): number {
    return this.#look().reduce((sum, own) => sum + own.length, 0);
  }

  /** How many attempts have left some that are still there: each of them has its slot. */
  attempts(): number {
    return this.#look().length;
  }

  #look(): readonly (readonly Unkilled[])[] {
    if (this.#left.length === 0) return this.#left;
    const still = this.#left.map((own) => own.filter(({ pid, start }) => startOf(pid) === start));
    this.#left = still.filter((own) => own.length > 0);
    return this.#left;
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
