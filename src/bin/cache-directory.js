import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Where compiled code is kept from one start to the next, or null where there is no such place. Code
 * is taken from it, so it must not be in /tmp, and nobody else may write to it or put another in its
 * place: for root with the home of another user there is none. Each level is made by itself, because
 * Node.js' recursive making never ends below /proc and its like.
 */
export function cacheDirectory() {
  try {
    const cacheHome = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
    const levels = [cacheHome, join(cacheHome, 'windrow'), join(cacheHome, 'windrow', 'code')];
    for (const level of levels) {
      if (isOfAnother(dirname(level))) return null;
      makeDirectory(level);
    }
    const directory = levels.at(-1);
    const { uid, mode } = lstatSync(directory);
    return uid === process.getuid() && (mode & 0o170022) === 0o040000 ? directory : null;
  } catch {
    return null; // a user whom the system does not know, a disk that is full or read-only
  }
}

/** Whether it is neither this user's nor root's. */
function isOfAnother(path) {
  const { uid } = statSync(path);
  return uid !== process.getuid() && uid !== 0;
}

function makeDirectory(path) {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
}
