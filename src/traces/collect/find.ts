/** Trace files below a directory. */
import { type FileHandle, lstat, opendir } from 'node:fs/promises';
import { join, matchesGlob } from 'node:path';
import { systemCodeOf, systemReasonOf } from '#base';
import { tracesErrors } from '../errors.ts';
import { openFolder, pathOf } from './inside.ts';

export interface FoundFile {
  /** Below the trace directory. */
  readonly path: string;
  readonly bytes: number;
  /** Tells whether the file is still the one that was found. */
  readonly mark: string;
}

export interface FindOptions {
  /** Absolute. */
  readonly directory: string;
  /** Of the file's name; with `/` in it, of its path below the directory. */
  readonly match: string;
  readonly mostFiles: number;
}

const MOST_DEPTH = 64;

/**
 * Regular files, in order of their paths; links are not followed. What cannot be read below the
 * directory is passed over: traces of other users. Throws TRACE_DIRECTORY_FAILED.
 */
export async function findTraces(
  options: FindOptions,
): Promise<{ readonly files: FoundFile[]; readonly isCut: boolean }> {
  const { directory, match, mostFiles } = options;
  const found: FoundFile[] = [];
  let isCut = false;
  const search = async (folder: FileHandle, at: string, depth: number): Promise<void> => {
    for await (const entry of await opendir(pathOf(folder))) {
      if (isCut) return;
      const { name } = entry;
      const [path, safe] = [join(at, name), `${pathOf(folder)}/${name}`];
      if (entry.isDirectory() && depth < MOST_DEPTH) {
        await inFolder(safe, true, (inner) => search(inner, path, depth + 1)).catch(passOver);
      } else if (entry.isFile() && isMatch(path, name, match)) {
        const file = await describeFile(safe, path);
        if (found.length === mostFiles) isCut = true;
        else if (file) found.push(file);
      }
    }
  };
  try {
    await inFolder(directory, false, (folder) => search(folder, '', 0));
  } catch (error) {
    const facts = { directory, reason: systemReasonOf(error) };
    throw tracesErrors.create('TRACE_DIRECTORY_FAILED', facts, { cause: error });
  }
  return { files: found.sort((a, b) => (a.path < b.path ? -1 : 1)), isCut };
}

const isMatch = (path: string, name: string, match: string): boolean =>
  matchesGlob(match.includes('/') ? path : name, match);

async function inFolder(
  path: string,
  isInner: boolean,
  use: (folder: FileHandle) => Promise<void>,
): Promise<void> {
  const folder = await openFolder(path, isInner);
  try {
    await use(folder);
  } finally {
    await folder.close();
  }
}

/** What is at `safe`. Null when it is gone or no regular file any more. */
export async function describeFile(safe: string, path: string): Promise<FoundFile | null> {
  const stats = await lstat(safe, { bigint: true }).catch(() => null);
  if (!stats?.isFile()) return null;
  const mark = [stats.dev, stats.ino, stats.size, stats.mtimeNs].join(':');
  return { path, bytes: Number(stats.size), mark };
}

function passOver(error: unknown): void {
  if (!['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCodeOf(error) ?? ''))
    throw error;
}
