/**
 * Puts the files that the executable carries where they can be loaded and started: once for each
 * build, in a directory that only this user can write. They appear there all at once, by a rename,
 * so that any number of processes may do this at the same time, also on a shared file system.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDirectories, messageOf, systemCodeOf } from '#base';
import { binErrors } from './errors.ts';

/** What the executable was built with. */
export interface Contents {
  /** SHA-256 of all there is to unpack, in short: another build has another place. */
  readonly id: string;
  readonly files: readonly CarriedFile[];
}

export interface CarriedFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly mode: number;
}

const DAY_MS = 24 * 3_600_000;
/** What no process of its build was started from for so long may go. */
const UNUSED_AFTER_MS = 90 * DAY_MS;

/**
 * The directory with the unpacked files, in the first of `roots` that can have it.
 * @throws WindrowError EXECUTABLE_DAMAGED, EXECUTABLE_NO_PLACE
 */
export function unpack(
  contents: Contents,
  read: (path: string) => Uint8Array,
  roots: readonly string[],
  nowMs: number,
): string {
  const reasons: string[] = [];
  for (const root of roots) {
    try {
      makePrivate(root);
      return unpackInto(root, contents, read, nowMs);
    } catch (error) {
      if (error instanceof Damage) {
        throw binErrors.create('EXECUTABLE_DAMAGED', { file: error.message });
      }
      reasons.push(`${root}: ${messageOf(error)}`);
    }
  }
  throw binErrors.create('EXECUTABLE_NO_PLACE', { reasons: reasons.join('; ') });
}

/** For as long as this process lives nobody takes its files for unused. */
export function keepFresh(place: string): void {
  const touch = () => {
    const now = new Date();
    try {
      utimesSync(place, now, now);
    } catch {
      // Gone already, or on a disk that is: what was loaded goes on working.
    }
  };
  setInterval(touch, DAY_MS).unref();
}

class Damage extends Error {}

/** Code is loaded from here: what another user made, or could write to, is not taken. */
function makePrivate(directory: string): void {
  makeDirectories(dirname(directory), 0o700);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
  }
  const { uid, mode } = lstatSync(directory);
  if (uid !== process.getuid?.() || (mode & 0o170022) !== 0o040000) {
    throw new Error('it is not a directory that only this user can write to');
  }
}

function unpackInto(
  root: string,
  contents: Contents,
  read: (path: string) => Uint8Array,
  nowMs: number,
): string {
  const place = join(root, contents.id);
  if (isWhole(place, contents)) {
    if (nowMs - statSync(place).mtimeMs > DAY_MS) utimesSync(place, nowMs / 1000, nowMs / 1000);
    return place;
  }
  const draft = join(root, `draft-${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    for (const file of contents.files) writeChecked(join(draft, file.path), file, read(file.path));
    putInPlace(draft, place, contents);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  removeUnused(root, contents.id, nowMs);
  return place;
}

/** Cleaners of temporary directories take single files away. */
function isWhole(place: string, { files }: Contents): boolean {
  return files.every(
    ({ path, bytes }) => statSync(join(place, path), { throwIfNoEntry: false })?.size === bytes,
  );
}

function writeChecked(path: string, file: CarriedFile, bytes: Uint8Array): void {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== file.sha256) throw new Damage(file.path);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const descriptor = openSync(path, 'wx', file.mode);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Another process may have been quicker; what is there but not whole gives way. */
function putInPlace(draft: string, place: string, contents: Contents): void {
  for (;;) {
    try {
      renameSync(draft, place);
      return;
    } catch (error) {
      const code = systemCodeOf(error);
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    }
    if (isWhole(place, contents)) return;
    const broken = `${draft}-broken`;
    renameSync(place, broken);
    rmSync(broken, { recursive: true, force: true });
  }
}

function removeUnused(root: string, own: string, nowMs: number): void {
  for (const name of readdirSync(root)) {
    if (name === own) continue;
    const path = join(root, name);
    const usedMs = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? nowMs;
    if (nowMs - usedMs > UNUSED_AFTER_MS) rmSync(path, { recursive: true, force: true });
  }
}
