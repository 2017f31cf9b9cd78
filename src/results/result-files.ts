import { constants } from 'node:fs';
import { chmod, mkdir, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCodeOf } from '#base';
import { hasManyFiles, type ResultSource } from '#model';
import { pathInside } from './file-names.ts';
import type { StoredPart, StoredRecord } from './segment-reader.ts';
import { shownPieces } from './shown-log.ts';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Writes a part into a new file, its folders made; memory stays constant. */
export async function writePartFile(path: string, pieces: Iterable<Buffer>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, CREATE, 0o644);
  try {
    for (const piece of pieces) {
      let done = 0;
      while (done < piece.length) done += (await file.write(piece, done)).bytesWritten;
    }
  } finally {
    await file.close();
  }
}

/** Names of the results that come from globs, so that one result may have several files. */
export function globNames(sources: readonly ResultSource[]): ReadonlySet<string> {
  return new Set(sources.filter(({ from }) => hasManyFiles(from)).map(({ name }) => name));
}

/** Each result as a file with the result's name; a glob's files in a folder with that name. */
export async function writeResultFiles(
  directory: string,
  record: StoredRecord,
  globs: ReadonlySet<string>,
): Promise<void> {
  for (const part of record.parts) {
    if (part.kind !== 'result') continue;
    const path = globs.has(part.name) ? `${part.name}/${part.file}` : part.name;
    const target = pathInside(directory, path);
    if (target) await writePartFile(target, part.pieces());
  }
}

/**
 * Everything of an attempt under the names that its program gave: results by file name, logs under
 * `logs/`. Where two results claim one name, the later one is filed under its own.
 */
export async function writeAttemptFiles(directory: string, record: StoredRecord): Promise<void> {
  await mkdir(directory, { recursive: true });
  const taken = new Set<string>();
  for (const part of record.parts) {
    const path = freePath(directory, part, taken);
    if (path) await writePartFile(path, part.kind === 'log' ? shownPieces(part) : part.pieces());
  }
}

function freePath(directory: string, part: StoredPart, taken: Set<string>): string | null {
  const own = part.kind === 'log' ? [`logs/${part.name}`] : [part.file, part.name];
  for (let count = 1; count <= 1000; count++) {
    for (const name of own) {
      const path = pathInside(directory, count === 1 ? name : `${name}.${count}`);
      if (path && claim(directory, path, taken)) return path;
    }
  }
  return null;
}

/** A file may neither replace another nor stand where another's folder has to be. */
function claim(directory: string, path: string, taken: Set<string>): boolean {
  if (taken.has(path) || taken.has(`${path}/`)) return false;
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== directory; folder = dirname(folder)) {
    if (taken.has(folder)) return false;
    folders.push(`${folder}/`);
  }
  taken.add(path);
  for (const folder of folders) taken.add(folder);
  return true;
}

/** Removes a folder also where somebody took away the permission to change it. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    const code = systemCodeOf(error);
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    await makeWritable(path);
    await rm(path, { recursive: true, force: true });
  }
}

async function makeWritable(directory: string): Promise<void> {
  await chmod(directory, 0o700);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(join(directory, entry.name));
  }
}
