/** What a command of `windrow sandbox run` is held to where no wall does it: looks now and then. */
import { systemClock } from '#base';
import type { Measured, ResourceRequest, Wall } from '#model';
import type { Exceeded } from '#sandbox';
import { bytesBelow, MemoryWatch, watchDisk } from '#worker';

export interface DiskLimit {
  /** Takes a last look, and ends. May be called twice. */
  finish(): Promise<Measured>;
}

/**
 * Its own directories count whole; of the user's, which it runs in, what comes to be there meanwhile,
 * whoever writes it.
 */
export async function limitDisk(
  own: readonly string[],
  users: string | null,
  limitBytes: number,
  onExceeded: (exceeded: Exceeded) => void,
): Promise<DiskLimit> {
  const before = users === null ? 0 : await bytesBelow([users]);
  const directories = users === null ? own : [users, ...own];
  const watch = watchDisk(directories, limitBytes + before, (bytes) => {
    onExceeded({ wall: 'disk', limit: limitBytes, peak: bytes - before, shared: false });
  });
  let finished: Promise<number> | null = null;
  return {
    finish: async () => {
      finished ??= watch.finish();
      const diskBytes = Math.max(0, (await finished) - before);
      return { source: 'sampled', figures: { diskBytes } };
    },
  };
}

/** Memory and processes, as far as no wall in `had` holds them. Returns what ends the looking. */
export function limitProcesses(
  { memoryBytes, processes: most }: Pick<ResourceRequest, 'memoryBytes' | 'processes'>,
  had: readonly Wall[],
  processes: () => readonly number[],
  onExceeded: (exceeded: Exceeded) => void,
): () => void {
  const limitBytes = had.includes('memory') ? 0 : memoryBytes;
  const mostTasks = had.includes('tasks') ? 0 : most;
  if (limitBytes + mostTasks === 0) return () => {};
  const watch = new MemoryWatch(systemClock);
  const exceeded = (wall: 'memory' | 'tasks', limit: number) => (peak: number) =>
    onExceeded({ wall, limit, peak, shared: false });
  const watched = {
    ...{ processes, limitBytes, mostTasks, peakBytes: 0 },
    onOver: exceeded('memory', limitBytes),
    onTooMany: exceeded('tasks', mostTasks),
  };
  watch.add(watched);
  return () => watch.remove(watched);
}
