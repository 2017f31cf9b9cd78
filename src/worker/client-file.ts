/**
 * The worker's own executable, where it was put for a session and a job asked that it goes again
 * (delete-client). It is removed only by a worker of the session that brought it, which an empty
 * file beside it tells, and only by the last worker of the directory: machines that share the file
 * system execute the same file.
 */

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pause, takeLock } from '#base';
import { lockNameIn } from './worker-directory.ts';

/** Another worker that ends holds the lock for an instant; a start that copies, for longer. */
const LOOKS = 40;
const LOOK_AGAIN_MS = 50;

/** To be called when this worker has given its own directory up. True when the file was removed. */
export async function removeClientFile(
  file: string,
  sessionTag: string,
  dir: string,
): Promise<boolean> {
  const mark = `${file}.by-${sessionTag}`;
  let lock = takeLock(`${file}.lock`);
  for (let looks = 0; !lock.taken && looks < LOOKS && existsSync(mark); looks++) {
    await pause(LOOK_AGAIN_MS, NEVER);
    lock = takeLock(`${file}.lock`);
  }
  if (!lock.taken) return false;
  try {
    if (!existsSync(mark)) return false;
    if (hasWorkers(dir)) return false;
    rmSync(file, { force: true });
    rmSync(mark, { force: true });
    return true;
  } finally {
    lock.release();
  }
}

const NEVER = new AbortController().signal;

/** A lock that a dead worker left counts: better a file too many than a program cut off. */
function hasWorkers(dir: string): boolean {
  const folders = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.some(({ name }) => existsSync(lockNameIn(join(dir, name))));
}
