/** Waiting for what others do in a directory of the store. */
import { type FSWatcher, watch } from 'node:fs';
import { pause } from '#base';

/** A change of a directory is told by the system, but not where another machine made it. */
const WATCH_MS = 500;

/** Resolves when something changed in `directory`, after a while, or when `signal` is aborted. */
export async function changeIn(directory: string, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  let watcher: FSWatcher | null = null;
  try {
    watcher = watch(directory, () => over.abort());
    watcher.on('error', () => over.abort());
  } catch {
    // The directory is not there yet: the next look finds it.
  }
  await pause(WATCH_MS, AbortSignal.any([signal, over.signal]));
  watcher?.close();
}
