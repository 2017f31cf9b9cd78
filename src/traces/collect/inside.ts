/**
 * Paths below the trace directory, where whoever leaves traces may write: each folder on the way is
 * opened without following links, from the folder before it. So what root collects and removes is
 * there, whatever is exchanged meanwhile.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;
const INNER_FOLDER = FOLDER | constants.O_NOFOLLOW;
// Without O_NONBLOCK a FIFO would be waited for.
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The trace directory itself, which may be a link, or a folder by the path of one that is open. */
export function openFolder(path: string, isInner: boolean): Promise<FileHandle> {
  return open(path, isInner ? INNER_FOLDER : FOLDER);
}

/** What is open, as a path. */
export function pathOf({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

/** Calls `use` with a path whose folders cannot be exchanged; its last part may be a link. */
export async function inside<T>(
  directory: string,
  path: string,
  use: (safe: string) => Promise<T>,
): Promise<T> {
  const parts = path.split('/');
  let folder = await openFolder(directory, false);
  try {
    for (const part of parts.slice(0, -1)) {
      const next = await openFolder(`${pathOf(folder)}/${part}`, true);
      await folder.close();
      folder = next;
    }
    return await use(`${pathOf(folder)}/${parts.at(-1)}`);
  } finally {
    await folder.close();
  }
}

/** A regular file; ELOOP where a link has its place. */
export async function openInside(directory: string, path: string): Promise<FileHandle> {
  const file = await inside(directory, path, (safe) => open(safe, FILE));
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error('it is no regular file any more');
}
