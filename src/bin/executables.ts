/** Where Windrow's own executables are: beside the running one, or where the sources build them. */
import { dirname, join } from 'node:path';
import { isSea } from 'node:sea';
import { executablesIn, type FindExecutable } from '#pilots';
import { VERSION } from './version.ts';

export const PLATFORM = `${process.platform}-${process.arch}`;

/** This version's executables for platforms, to put on machines. `folder` may be `''`: the usual one. */
export function findExecutableIn(folder: string): FindExecutable {
  const running = isSea() ? { platform: PLATFORM, path: process.execPath } : null;
  return executablesIn({ folder: folder || usualFolder(), version: VERSION, running });
}

/** Both src/bin and build/bundle lie two levels below the package. */
function usualFolder(): string {
  if (isSea()) return dirname(process.execPath);
  return join(import.meta.dirname, '../../build/executable');
}
