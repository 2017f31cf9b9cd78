/** Where Windrow's own executables are: beside the running one, or where the sources build them. */
import { dirname, join } from 'node:path';
import { isSea } from 'node:sea';
import { executablesIn, type FindExecutable } from '#pilots';
import { VERSION } from './version.ts';

export const PLATFORM = `${process.platform}-${process.arch}`;

/** This version's executable for a platform, to put on machines. */
export const findExecutable: FindExecutable = executablesIn(
  isSea()
    ? {
        folder: dirname(process.execPath),
        version: VERSION,
        running: { platform: PLATFORM, path: process.execPath },
      }
    : // Both src/bin and build/bundle lie two levels below the package.
      {
        folder: join(import.meta.dirname, '../../build/executable'),
        version: VERSION,
        running: null,
      },
);
