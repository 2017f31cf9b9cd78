/** Files that appear whole: written aside, flushed, and given their name in one step. */
import { constants } from 'node:fs';
import {
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  unlink,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory, systemCodeOf } from '#base';

/**
 * What tells whether a file is the one that was verified: a write changes its time, and a program
 * that wrote through a link of its own is found out.
 */
export interface FileIdentity {
  readonly bytes: number;
  /** Nanoseconds since the epoch, in decimal: more than a double holds. */
  readonly modifiedNs: string;
}

export async function identityOf(path: string): Promise<FileIdentity | null> {
  const found = await unlessGone(stat(path, { bigint: true }));
  if (!found?.isFile()) return null;
  return { bytes: Number(found.size), modifiedNs: String(found.mtimeNs) };
}

export function sameIdentity(a: FileIdentity | null, b: FileIdentity): boolean {
  return a?.bytes === b.bytes && a.modifiedNs === b.modifiedNs;
}

/** Null in place of ENOENT and ENOTDIR: what is not there is an answer, not a fault. */
export async function unlessGone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    const code = systemCodeOf(error);
    // ESTALE: on NFS another machine has removed it.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESTALE') return null;
    throw error;
  }
}

/** At most `mostBytes`; null when it is not there, or longer. */
export async function readSmallFile(path: string, mostBytes: number): Promise<string | null> {
  const bytes = await unlessGone(readFile(path));
  return bytes === null || bytes.length > mostBytes ? null : bytes.toString('utf8');
}

export async function namesIn(directory: string): Promise<string[]> {
  return (await unlessGone(readdir(directory))) ?? [];
}

export async function removeFile(path: string): Promise<void> {
  await unlessGone(unlink(path));
}

/** All that was written to it, by whomever. Rejects with what the disk said. */
export async function flushFile(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes `path` and its parents below `root`, and makes their names durable, all at once. */
export async function makeDurableDirectory(root: string, path: string): Promise<void> {
  const made = await makeDirectories(root, path);
  await Promise.all(made.map((one) => syncDirectory(dirname(one))));
}

/** Makes those of `names` in `directory` that are missing, and their names durable together. */
export async function makeDurableFolders(
  directory: string,
  names: readonly string[],
): Promise<void> {
  const paths = names.map((name) => join(directory, name));
  const made = await Promise.all(paths.map((path) => makeDirectories(directory, path)));
  if (made.some((ofOne) => ofOne.length > 0)) await syncDirectory(directory);
}

/** Answers with those that were not there. */
async function makeDirectories(root: string, path: string): Promise<string[]> {
  try {
    await mkdir(path, { mode: 0o700 });
    return [path];
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'EEXIST') return [];
    if (code !== 'ENOENT' || path === root) throw error;
    const parents = await makeDirectories(root, dirname(path));
    await mkdir(path, { mode: 0o700 }).catch(unlessThere);
    return [...parents, path];
  }
}

function unlessThere(error: unknown): void {
  if (systemCodeOf(error) !== 'EEXIST') throw error;
}

/** Writes `aside`, flushes it and renames it to `path`; the directory is the caller's to flush. */
export async function writeWhole(aside: string, path: string, text: string): Promise<void> {
  try {
    const handle = await open(aside, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS', 'EXDEV']);

/** False where the file system has no hard links, or has no more for this file. Throws EEXIST. */
export async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (NO_LINKS.has(systemCodeOf(error) ?? '')) return false;
    throw error;
  }
}

/** Another name for the same bytes: a hard link, else a reflink, else a copy. `to` must be new. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  if (await tryLink(from, to)) return;
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') await rm(to, { force: true });
    throw error;
  }
}

/** Names of directories below `root`, deepest first, with what is in them. */
export async function* walk(
  root: string,
  signal: AbortSignal | null,
): AsyncGenerator<{ readonly directory: string; readonly files: readonly string[] }> {
  const entries = (await unlessGone(readdir(root, { withFileTypes: true }))) ?? [];
  for (const entry of entries) {
    if (signal?.aborted === true) return;
    if (entry.isDirectory()) yield* walk(join(root, entry.name), signal);
  }
  yield { directory: root, files: entries.filter((one) => one.isFile()).map(({ name }) => name) };
}
