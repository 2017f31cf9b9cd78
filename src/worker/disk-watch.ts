/**
 * Bytes below an attempt's scratch directory, for those that asked for a limit. Counting them means
 * looking at every file. Asking the file system what it has left costs microseconds, and while that
 * did not shrink by what the attempt has left, the attempt cannot be over its limit: so a filler is
 * found within a twentieth of a second, and others are not looked at more than once a second.
 */
import { statfsSync } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';

const GLANCE_MS = 50;
/** Others may have freed what the attempt took. */
const COUNT_AT_LEAST_EVERY_MS = 1000;
/** Counting takes at most this part of the time, however many files there are. */
const LARGEST_SHARE = 1 / 5;
/** Files looked at per count; what lies beyond is not counted. */
const MOST_FILES = 100_000;
const BLOCK_BYTES = 512;

export interface DiskWatch {
  /** Largest sample so far. */
  readonly peakBytes: number;
  /** Takes a last sample and ends; resolves with the peak. */
  finish(): Promise<number>;
}

/**
 * Watches all in `directories`, which lie on one file system, until `finish`. `onOver` is called at
 * most once. Counts never overlap: a slow file system is looked at less often.
 */
export function watchDisk(
  directories: readonly string[],
  limitBytes: number,
  onOver: (bytes: number) => void,
): DiskWatch {
  let peakBytes = 0;
  let countedAtMs = performance.now();
  let countTookMs = 0;
  let freeBytes = freeBytesOf(directories[0]!);
  let leftBytes = limitBytes;
  let over = false;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const count = async () => {
    countedAtMs = performance.now();
    freeBytes = freeBytesOf(directories[0]!);
    const bytes = await bytesBelow(directories);
    countTookMs = performance.now() - countedAtMs;
    leftBytes = Math.max(0, limitBytes - bytes);
    peakBytes = Math.max(peakBytes, bytes);
    if (peakBytes <= limitBytes || over) return;
    over = true;
    onOver(peakBytes);
  };
  const isDue = () => {
    const sinceMs = performance.now() - countedAtMs;
    if (sinceMs < countTookMs / LARGEST_SHARE) return false;
    if (sinceMs >= COUNT_AT_LEAST_EVERY_MS) return true;
    return !over && freeBytes - freeBytesOf(directories[0]!) >= leftBytes;
  };
  let counting: Promise<void> = Promise.resolve();
  const glance = () => {
    const next = () => {
      if (!ended) timer = setTimeout(glance, GLANCE_MS);
    };
    if (!isDue()) return next();
    counting = count().then(next);
  };
  timer = setTimeout(glance, GLANCE_MS);
  return {
    get peakBytes() {
      return peakBytes;
    },
    async finish() {
      ended = true;
      clearTimeout(timer);
      await counting;
      await count();
      return peakBytes;
    },
  };
}

/** 0 where it is not told: then only the clock says when to count. */
function freeBytesOf(directory: string): number {
  try {
    const { bfree, bsize } = statfsSync(directory);
    return bfree * bsize;
  } catch {
    return 0;
  }
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
