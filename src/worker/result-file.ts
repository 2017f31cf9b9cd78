import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { relative } from 'node:path';
import { systemCodeOf } from '#base';

const OPEN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const OPEN_FOLDER = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY;

/** Why a result cannot be used, as a sentence for a person. */
export class Unusable extends Error {}

export interface OpenedFile {
  readonly descriptor: number;
  readonly bytes: number;
  /** Changes when the file is exchanged, written or touched. */
  readonly identity: string;
  close(): void;
}

/**
 * Opens a regular file inside `directory`; null when nothing is there. Each folder on the way is
 * opened without following links, from the folder before it, so that no exchange of a folder by a
 * link while this goes on leads outside. Links that lead to a file inside are resolved first.
 */
export function openResultFile(directory: string, path: string, name: string): OpenedFile | null {
  const components = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || components.includes('..') || components.length === 0) {
    throw new Unusable(`Result "${name}": ${path} leads out of the attempt's directory.`);
  }
  try {
    return openInside(directory, components, path, name);
  } catch (error) {
    const code = systemCodeOf(error);
    // ELOOP: the last component is a link; ENOTDIR: one before it is a link, or no folder.
    if (code === 'ELOOP' || code === 'ENOTDIR') return openResolved(directory, path, name);
    return explain(error, path, name);
  }
}

function explain(error: unknown, path: string, name: string): null {
  const code = systemCodeOf(error);
  if (code === undefined) throw error;
  if (code === 'ENOENT' && path.includes('\ufffd')) {
    throw new Unusable(`Result "${name}": the file name ${path} is not valid UTF-8.`);
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') return null;
  throw new Unusable(`Result "${name}": ${path} cannot be read (${code}).`);
}

function openResolved(directory: string, path: string, name: string): OpenedFile | null {
  try {
    const root = realpathSync.native(directory);
    const inside = relative(root, realpathSync.native(`${root}/${path}`));
    if (inside === '..' || inside.startsWith('../')) {
      throw new Unusable(
        `Result "${name}": ${path} is a link that leads out of the attempt's directory.`,
      );
    }
    return openInside(root, inside.split('/'), path, name);
  } catch (error) {
    return explain(error, path, name);
  }
}

function openInside(
  directory: string,
  components: readonly string[],
  path: string,
  name: string,
): OpenedFile {
  const folders = components.slice(0, -1);
  let folder = -1;
  try {
    let base = directory;
    for (const component of folders) {
      const next = openSync(`${base}/${component}`, OPEN_FOLDER);
      if (folder >= 0) closeSync(folder);
      folder = next;
      base = `/proc/self/fd/${folder}`;
    }
    return openLeaf(`${base}/${components.at(-1)}`, path, name);
  } finally {
    if (folder >= 0) closeSync(folder);
  }
}

function openLeaf(at: string, path: string, name: string): OpenedFile {
  // Looked at before it is opened: opening a device can have effects, opening a pipe can wait.
  const seen = lstatSync(at);
  if (!seen.isSymbolicLink()) requireRegular(seen, path, name);
  const descriptor = openSync(at, OPEN_FILE);
  try {
    const stats = fstatSync(descriptor, { bigint: true });
    requireRegular(stats, path, name);
    const identity = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}`;
    const bytes = Number(stats.size);
    return { descriptor, bytes, identity, close: () => closeSync(descriptor) };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function requireRegular(stats: Stats | BigIntStats, path: string, name: string): void {
  if (stats.isFile()) return;
  throw new Unusable(`Result "${name}": ${path} is ${kindOf(stats)}, not a file.`);
}

function kindOf(stats: Stats | BigIntStats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

/** All bytes of an opened file. */
export function readWhole(file: OpenedFile, name: string, path: string): Buffer {
  const buffer = Buffer.allocUnsafe(file.bytes);
  let got = 0;
  while (got < file.bytes) {
    const count = readSync(file.descriptor, buffer, got, file.bytes - got, got);
    if (count === 0)
      throw new Unusable(`Result "${name}": ${path} became shorter while it was read.`);
    got += count;
  }
  return buffer;
}
