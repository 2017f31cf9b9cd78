/** Stopping before the disk is full: what is under way must still find room to end well. */
import { statfsSync } from 'node:fs';
import { formatBytes } from '#base';

/**
 * Why no new work may be handed out, or null: a directory with less than `reserveBytes` free.
 * A directory that cannot be asked (not there yet) is passed over.
 */
export function lowDisk(directories: Iterable<string>, reserveBytes: number): string | null {
  for (const directory of directories) {
    const free = freeBytes(directory);
    if (free !== null && free < reserveBytes) {
      return `only ${formatBytes(free)} are free on the disk of ${directory} (${formatBytes(reserveBytes)} are kept in reserve)`;
    }
  }
  return null;
}

function freeBytes(directory: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return null;
  }
}
