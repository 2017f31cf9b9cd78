import { open } from 'node:fs/promises';
import { systemCodeOf } from './errors.ts';

/**
 * Makes names that were added to, changed in or removed from a directory durable, off this thread: a slow disk
 * takes seconds. Rejects with the system's error. Some network file systems do not sync directories
 * (EINVAL); there a change of names is durable by itself.
 */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } catch (error) {
    if (systemCodeOf(error) !== 'EINVAL') throw error;
  } finally {
    await directory.close();
  }
}
