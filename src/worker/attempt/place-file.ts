/**
 * A file of the stock into an attempt's directory. Nothing is copied that is only read: it is the
 * stock's own file under another name, or its blocks (reflink), or mounted where walls stand.
 */
import { chmodSync, constants, copyFileSync, linkSync, statSync, writeFileSync } from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { systemCodeOf } from '#base';
import type { InputWay } from '#model';

export type Into = InputWay['into'];

/** Copying this much takes less time than mounting, and spares others the file of the stock. */
const COPY_BELOW_BYTES = 64 * 1024;
/** Larger files are copied without blocking the other slots. */
const COPY_AT_ONCE_BYTES = 256 * 1024;
const READ_ONLY = 0o444;
const WRITABLE = 0o644;
const EXECUTABLE = 0o111;

/** Where one file cannot have two names: other devices, file systems without links, too many. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP']);

export interface PlacedFile {
  readonly bytes: number;
  /** The attempt's own, to change. */
  readonly writable: boolean;
  readonly executable: boolean;
}

/** Whether the stock's own file `source` is to serve, rather than a copy of it. */
export function isShareable({ bytes, writable, executable }: PlacedFile, source: string): boolean {
  if (writable || bytes < COPY_BELOW_BYTES) return false;
  // It may lie there for somebody who only reads it.
  return !executable || (statSync(source).mode & EXECUTABLE) === EXECUTABLE;
}

/**
 * Puts a file that is only read into a directory; undefined when it has to be copied. `canLink`:
 * nobody gets at the stock's own file by it who could not before.
 */
export function share(
  source: string,
  target: string,
  file: PlacedFile,
  canLink: boolean,
): Into | undefined {
  if (reflink(source, target, modeOf(file))) return 'reflink';
  if (!canLink) return undefined;
  try {
    linkSync(source, target);
    return 'link';
  } catch (error) {
    if (NO_LINK.has(systemCodeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** A copy of an attempt's own, which shares blocks where the file system can. */
export async function copyTo(source: string, target: string, file: PlacedFile): Promise<Into> {
  const mode = modeOf(file);
  if (file.bytes > COPY_BELOW_BYTES && reflink(source, target, mode)) return 'reflink';
  if (file.bytes <= COPY_AT_ONCE_BYTES) {
    copyFileSync(source, target, constants.COPYFILE_EXCL);
    chmodSync(target, mode);
  } else {
    await copyFile(source, target, constants.COPYFILE_EXCL);
    await chmod(target, mode);
  }
  return 'copy';
}

function modeOf({ writable, executable }: PlacedFile): number {
  return (writable ? WRITABLE : READ_ONLY) | (executable ? EXECUTABLE : 0);
}

/** An empty file, over which the real one is mounted. */
export function makeMountPoint(target: string): void {
  writeFileSync(target, '', { mode: READ_ONLY, flag: 'wx' });
}

/** Devices that share no blocks; asking costs three system calls each time. */
let cannotReflink = false;

function reflink(source: string, target: string, mode: number): boolean {
  if (cannotReflink) return false;
  try {
    copyFileSync(source, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    chmodSync(target, mode);
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') throw error;
    cannotReflink = true;
    return false;
  }
}
