/**
 * Puts the files that the executable carries where they can be loaded and started: once for each
 * build, in a directory that only this user can write. They appear there all at once, by a rename,
 * so that any number of processes may do this at the same time, also on a shared file system.
 *
 * Nothing waits for the disk: hundreds of small files, each synced, take seconds on a slow one. Beside
 * them is told in which run of the kernel they were written; the first who comes in another one, when
 * a crash may have lost some, compares their digests and tells that they are settled, if they are old
 * enough to be on the disk. Where that is not told, or was lost itself, they are compared.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
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
/** Tells how far the files beside it can be relied on: SETTLED, or the boot id of who wrote them. */
const STANDING = '.standing';
const SETTLED = 'settled';
/**
 * By then the kernel has long written what nobody synced. Another boot id is not enough: a container
 * that starts anew has one, and so have all who share a file server, while memory still holds the files.
 */
const WRITTEN_AFTER_MS = 10 * 60_000;
/** What no process of its build was started from for so long may go. */
const UNUSED_AFTER_MS = 90 * DAY_MS;

export interface Moment {
  readonly nowMs: number;
  /** Another one after each start of the machine; `''`: not known. */
  readonly bootId: string;
}

/**
 * The directory with the unpacked files, in the first of `roots` that can have it.
 * @throws WindrowError EXECUTABLE_DAMAGED, EXECUTABLE_NO_PLACE
 */
export function unpack(
  contents: Contents,
  read: (path: string) => Uint8Array,
  roots: readonly string[],
  moment: Moment,
): string {
  const reasons: string[] = [];
  for (const root of roots) {
    try {
      makePrivate(root);
      return unpackInto(root, contents, read, moment);
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
  setInterval(() => touch(place, new Date()), DAY_MS).unref();
}

function touch(place: string, now: Date): void {
  try {
    utimesSync(place, now, now);
  } catch {
    // Gone already, or on a disk that is, or that is read-only: what is there can be loaded all the same.
  }
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
  moment: Moment,
): string {
  const { nowMs, bootId } = moment;
  const place = join(root, contents.id);
  if (isSound(place, contents, moment)) {
    const usedMs = statSync(place, { throwIfNoEntry: false })?.mtimeMs ?? nowMs;
    if (nowMs - usedMs > DAY_MS) touch(place, new Date(nowMs));
    return place;
  }
  const draft = join(root, `draft-${process.pid}-${randomBytes(6).toString('hex')}`);
  const aside = `${draft}-broken`;
  try {
    for (const file of contents.files) writeChecked(join(draft, file.path), file, read(file.path));
    writeFileSync(join(draft, STANDING), bootId, { mode: 0o600 });
    while (!takesPlace(draft, place) && !isSound(place, contents, moment)) moveAway(place, aside);
  } finally {
    for (const path of [draft, aside]) rmSync(path, { recursive: true, force: true });
  }
  removeUnused(root, contents.id, nowMs);
  return place;
}

/** Cleaners of temporary directories take single files away; crashes damage them. */
function isSound(place: string, { files }: Contents, { nowMs, bootId }: Moment): boolean {
  const isWhole = files.every(
    ({ path, bytes }) => statSync(join(place, path), { throwIfNoEntry: false })?.size === bytes,
  );
  if (!isWhole) return false;
  const standing = standingOf(place);
  if (standing === SETTLED || (bootId !== '' && standing === bootId)) return true;
  const isSame = files.every((file) => holds(join(place, file.path), file));
  if (isSame && bootId !== '' && nowMs - writtenMs(place, files) > WRITTEN_AFTER_MS) settle(place);
  return isSame;
}

function writtenMs(place: string, files: readonly CarriedFile[]): number {
  const times = files.map(({ path }) => statSync(join(place, path), { throwIfNoEntry: false }));
  return Math.max(...times.map((found) => found?.mtimeMs ?? Number.POSITIVE_INFINITY));
}

/** What cannot be read is damaged too, or another process is about to put it there again. */
function holds(path: string, { sha256 }: CarriedFile): boolean {
  try {
    return digest(readFileSync(path)) === sha256;
  } catch {
    return false;
  }
}

function standingOf(place: string): string {
  try {
    return readFileSync(join(place, STANDING), 'utf8');
  } catch {
    return '';
  }
}

function settle(place: string): void {
  try {
    writeFileSync(join(place, STANDING), SETTLED, { mode: 0o600 });
  } catch {
    // A full disk, or one that is not writable any more: they are compared again.
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function writeChecked(path: string, file: CarriedFile, bytes: Uint8Array): void {
  if (digest(bytes) !== file.sha256) throw new Damage(file.path);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, bytes, { mode: file.mode, flag: 'wx' });
}

/** False: something is there already, of a process that was quicker or of a start before. */
function takesPlace(draft: string, place: string): boolean {
  try {
    renameSync(draft, place);
    return true;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    return false;
  }
}

/** What is not whole gives way. It is removed later: who runs from there is to find the new one at once. */
function moveAway(place: string, aside: string): void {
  rmSync(aside, { recursive: true, force: true });
  try {
    renameSync(place, aside);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error; // else another process did it
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
