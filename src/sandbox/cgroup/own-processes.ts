/** Which processes are Windrow's own, so that moving them aside disturbs nobody. */
import { readlinkSync } from 'node:fs';
import { readProcess } from '../process-table.ts';

/** Longer chains than this are no chains of ours. */
const MOST_GENERATIONS = 64;

/**
 * True for this process, its ancestors that run the same executable (as `windrow run` above its
 * worker), and everything that descends from these.
 */
export function isOwnProcess(pid: number): boolean {
  const top = topOfOurs();
  let at = pid;
  for (let generation = 0; generation < MOST_GENERATIONS && at > 1; generation++) {
    if (at === top || at === process.pid) return true;
    at = readProcess(at)?.parent ?? 0;
  }
  return false;
}

function topOfOurs(): number {
  const executable = executableOf(process.pid);
  let top = process.pid;
  for (let generation = 0; generation < MOST_GENERATIONS; generation++) {
    const parent = readProcess(top)?.parent ?? 0;
    if (parent <= 1 || executable === null || executableOf(parent) !== executable) break;
    top = parent;
  }
  return top;
}

function executableOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return null;
  }
}
