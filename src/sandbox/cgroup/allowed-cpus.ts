/** The CPUs that this process may run on, as sched_setaffinity(2) and cpusets leave them. */
import { readFileSync } from 'node:fs';

export function allowedCpus(): number[] {
  try {
    const status = readFileSync('/proc/self/status', 'latin1');
    return cpusIn(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? '');
  } catch {
    return [];
  }
}

/** `0-2,5` → 0, 1, 2, 5; the kernel's own lists, which are sound. */
export function cpusIn(list: string): number[] {
  return list
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first, last = first] = part.split('-').map(Number);
      return Array.from({ length: last! - first! + 1 }, (_, index) => first! + index);
    });
}
