/** The file by which a daemon is found and of which there is one. */
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { systemCodeOf, systemReasonOf } from '#base';
import { binErrors } from './errors.ts';

// Root writes it, perhaps into a directory of somebody else's: never through a link.
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;

/**
 * Writes this process's id. A file that a process left which is no more is taken over.
 * @throws WindrowError DAEMON_RUNS, PID_FILE_FAILED
 */
export function writePidFile(path: string): void {
  const other = pidIn(path);
  if (other !== null && other !== process.pid && isAlive(other)) {
    throw binErrors.create('DAEMON_RUNS', { pid: other, path });
  }
  try {
    const fd = openSync(path, FLAGS, 0o644);
    writeSync(fd, `${process.pid}\n`);
    closeSync(fd);
  } catch (error) {
    throw binErrors.create('PID_FILE_FAILED', { path, reason: systemReasonOf(error) });
  }
}

/**
 * Removes it where it is this process's: one that does not start because another runs leaves that one's.
 * Whoever gave up root may empty the file, but not always remove it.
 */
export function removePidFile(path: string): void {
  if (pidIn(path) !== process.pid) return;
  for (const remove of [unlinkSync, truncateSync]) {
    try {
      remove(path);
      return;
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return;
    }
  }
}

function pidIn(path: string): number | null {
  try {
    const text = readFileSync(path, 'latin1').trim();
    return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
}

/** Another program may have got the number since. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemCodeOf(error) !== 'EPERM') return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('traps\0serve');
  } catch {
    return true;
  }
}
