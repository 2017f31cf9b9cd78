/** What a command of `windrow sandbox run` may take of the disk. */
import type { Measured } from '#model';
import type { Exceeded } from '#sandbox';
import { bytesBelow, watchDisk } from '#worker';

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
