/**
 * Looks at a running attempt's memory now and then: its working set, which the kernel does not
 * remember, and whether a process of it was ended for lack of memory. In version 2 the kernel ends
 * the others by itself (`memory.oom.group`); in version 1 the attempt has to be ended here, because
 * it is one unit, and a program that lost a process without being told is not to be believed.
 */
import type { GroupFiles } from './group-files.ts';
import { type GroupMemory, sampleMemory } from './measure.ts';
import type { Roles } from './roles.ts';

const FIRST_LOOK_MS = 25;
/** The pauses double up to this: a look costs some 40 µs. */
const LONGEST_PAUSE_MS = 500;

export interface MemoryPeaks {
  readonly workingBytes: number;
  /** The most page cache, to be taken off the kernel's high-water mark of all that was charged. */
  readonly cacheBytes: number;
}

export const NOTHING_SEEN: MemoryPeaks = { workingBytes: 0, cacheBytes: 0 };

export interface MemoryLooks {
  readonly peaks: MemoryPeaks;
  stop(): void;
}

/** Looks until stopped. `onOom` is called at most once. */
export function watchMemory(roles: Roles, files: GroupFiles, onOom: () => void): MemoryLooks {
  const looks = { peaks: NOTHING_SEEN, stop: () => clearTimeout(timer) };
  let pauseMs = FIRST_LOOK_MS;
  let isTold = false;
  const look = () => {
    const memory = sampleMemory(roles, files);
    if (memory === null) return;
    looks.peaks = larger(looks.peaks, memory);
    if (memory.oomKills > 0 && !isTold) {
      isTold = true;
      onOom();
    }
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    timer = setTimeout(look, pauseMs);
  };
  let timer = setTimeout(look, pauseMs);
  return looks;
}

function larger(peaks: MemoryPeaks, { workingBytes, cacheBytes }: GroupMemory): MemoryPeaks {
  return {
    workingBytes: Math.max(peaks.workingBytes, workingBytes),
    cacheBytes: Math.max(peaks.cacheBytes, cacheBytes),
  };
}

/**
 * The most memory that an attempt had in use: the kernel's high-water mark of all that was charged
 * to it, less the page cache, and no less than what was seen.
 */
export function memoryPeakBytes(memory: GroupMemory, peaks: MemoryPeaks): number {
  const { workingBytes, cacheBytes } = larger(peaks, memory);
  return Math.max(workingBytes, (memory.chargedPeakBytes ?? 0) - cacheBytes);
}
