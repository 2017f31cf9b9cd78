/**
 * What a collection has put into an output directory, so that a later one can tell its own files
 * from the user's: it takes away those that it does not make any more, and notices those that
 * somebody has removed.
 */
import { lstatSync, type Stats } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { PublishedFile } from '#model';
import { unsafeName } from './file-names.ts';
import { syncDirectoryNow } from './segment-files.ts';

/** Looks at files right after they were published. */
export function notePublished(paths: readonly string[]): PublishedFile[] {
  return paths.flatMap((path) => {
    const found = fileAt(path);
    return found ? [{ name: basename(path), bytes: found.size, changedMs: found.mtimeMs }] : [];
  });
}

/** Whether all of them are there, changed or not. */
export function areThere(directory: string, files: readonly PublishedFile[]): boolean {
  return files.every(({ name }) => fileAt(join(directory, name)) !== null);
}

/** Removes those that are as they were published, but none whose name is in `kept`. */
export async function removePublished(
  directory: string,
  files: readonly PublishedFile[],
  kept: ReadonlySet<string>,
): Promise<void> {
  let removed = 0;
  for (const { name, bytes, changedMs } of files) {
    if (kept.has(name) || unsafeName(name)) continue;
    const path = join(directory, name);
    const found = fileAt(path);
    if (found?.size !== bytes || found.mtimeMs !== changedMs) continue;
    await rm(path, { force: true });
    removed++;
  }
  if (removed > 0) syncDirectoryNow(directory);
}

function fileAt(path: string): Stats | null {
  try {
    const found = lstatSync(path);
    return found.isFile() ? found : null;
  } catch {
    return null; // not there, or in a directory that may not be entered
  }
}
