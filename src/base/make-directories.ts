import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCodeOf } from './errors.ts';

/**
 * Makes a directory and its parents, all with `mode`; one that is there is left as it is. Throws
 * the system's error. Not mkdir's own `recursive`: where a file system answers ENOENT although the
 * parent is there (as /proc does), Node.js tries again for ever.
 */
export function makeDirectories(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const parent = dirname(path);
    if (systemCodeOf(error) === 'ENOENT' && parent !== path && !existsSync(parent)) {
      makeDirectories(parent, mode);
      makeDirectories(path, mode);
    } else if (!isDirectory(path)) throw error;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
