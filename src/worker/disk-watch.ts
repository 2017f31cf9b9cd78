/** Bytes below an attempt's scratch directory, for those that asked for a limit. */
import { lstat, opendir } from 'node:fs/promises';

const SAMPLE_MS = 1000;
/** Files looked at per sample; what lies beyond is not counted. */
const MOST_FILES = 100_000;
const BLOCK_BYTES = 512;

export interface DiskWatch {
  /** Largest sample so far. */
  readonly peakBytes: number;
  /** Takes a last sample and ends; resolves with the peak. */
  finish(): Promise<number>;
}

/**
 * Samples all in `directories` each second until `finish`. `onOver` is called at most once. Samples never
 * overlap: a slow file system is looked at less often.
 */
export function watchDisk(
  directories: readonly string[],
  limitBytes: number,
  onOver: (bytes: number) => void,
): DiskWatch {
  let peakBytes = 0;
  let over = false;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    peakBytes = Math.max(peakBytes, await bytesBelow(directories));
    if (peakBytes <= limitBytes || over) return;
    over = true;
    onOver(peakBytes);
  };
  let looking: Promise<void> = Promise.resolve();
  const tick = () => {
    looking = look().then(() => {
      if (!ended) timer = setTimeout(tick, SAMPLE_MS);
    });
  };
  timer = setTimeout(tick, SAMPLE_MS);
  return {
    get peakBytes() {
      return peakBytes;
    },
    async finish() {
      ended = true;
      clearTimeout(timer);
      await looking;
      await look();
      return peakBytes;
    },
  };
}

/**
 * Space taken on disk (blocks, so that holes are free), hard links counted once each. Names are
 * read as latin1 and written back so: they are bytes, and need not be UTF-8.
 */
export async function bytesBelow(directories: readonly string[]): Promise<number> {
  const linked = new Set<number>();
  const folders = directories.map((directory) => Buffer.from(directory));
  let bytes = 0;
  let files = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const entries = await opendir(folder, { encoding: 'latin1' }).catch(() => undefined);
    if (!entries) continue; // made unreadable or removed meanwhile
    for await (const entry of entries) {
      const path = Buffer.concat([folder, Buffer.from(`/${entry.name}`, 'latin1')]);
      if (entry.isDirectory()) folders.push(path);
      const found = await lstat(path).catch(() => undefined);
      if (!found || (found.nlink > 1 && linked.has(found.ino))) continue;
      if (found.nlink > 1) linked.add(found.ino);
      bytes += found.blocks * BLOCK_BYTES;
      if (++files >= MOST_FILES) return bytes;
    }
  }
  return bytes;
}
