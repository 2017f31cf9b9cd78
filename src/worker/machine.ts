/** What the worker tells of its machine: load, memory, room on the disk of its directory. */
import { statfsSync } from 'node:fs';
import { availableParallelism, freemem, loadavg } from 'node:os';
import type { Clock } from '#base';
import type { MachineFigures } from '#wire';

/** Looked at no more often: a look costs more than a small sync. */
const FRESH_MS = 5000;

export interface MachineLook {
  readonly diskFreeBytes: number;
  readonly figures: Omit<MachineFigures, 'roundTripMs' | 'unkillable'>;
}

/** A function that looks at the machine, at most every five seconds. */
export function machineWatch(directory: string, clock: Clock): () => MachineLook {
  let atMs = Number.NEGATIVE_INFINITY;
  let look: MachineLook;
  return () => {
    const nowMs = clock.monotonic();
    if (nowMs - atMs > FRESH_MS) {
      atMs = nowMs;
      look = lookAt(directory);
    }
    return look;
  };
}

function lookAt(directory: string): MachineLook {
  const { bavail, bsize } = statfsSync(directory);
  return {
    diskFreeBytes: Math.min(bavail * bsize, Number.MAX_SAFE_INTEGER),
    figures: {
      cpus: availableParallelism(),
      loadAverage: loadavg()[0] ?? 0,
      memoryFreeBytes: freemem(),
    },
  };
}
