/**
 * What a store is said to have, beside the files: `<trace id>/<file name>.json` with the digest of
 * each. A name is reserved by `<file name>.coming`, made before its file and only where there is none;
 * it becomes `.json` when the file has its place. So `.json` without a file is one that is gone, and
 * `.coming` without one a store that was killed in between: the same file sent again completes it.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCodeOf } from '#base';
import { type Description, description } from './description.ts';
import { writeNew } from './durable.ts';

const STORED = '.json';
const COMING = '.coming';

export class Manifest {
  readonly directory: string;

  /** @param directory absolute */
  constructor(directory: string) {
    this.directory = directory;
  }

  /** False where the name is taken. */
  async reserve(id: string, name: string, about: Description): Promise<boolean> {
    await mkdir(join(this.directory, id), { recursive: true, mode: 0o700 });
    if (await exists(this.#pathOf(id, name, STORED))) return false;
    return await writeNew(this.#pathOf(id, name, COMING), JSON.stringify(about), randomUUID());
  }

  /** Its file has its place. A power failure may undo this; then the file shows that it has it. */
  async confirm(id: string, name: string): Promise<void> {
    try {
      await rename(this.#pathOf(id, name, COMING), this.#pathOf(id, name, STORED));
    } catch (error) {
      // It was stored before, and its file came again.
      if (systemCodeOf(error) !== 'ENOENT') throw error;
    }
  }

  async describe(id: string, name: string): Promise<Description | null> {
    return (await this.#read(id, name, STORED)) ?? (await this.#read(id, name, COMING));
  }

  async remove(id: string, name: string): Promise<void> {
    for (const kind of [STORED, COMING]) await rm(this.#pathOf(id, name, kind), { force: true });
    // Others may be in it, and may come at any time.
    await rmdir(join(this.directory, id)).catch(() => undefined);
  }

  /** Ids with something in them. */
  async ids(): Promise<string[]> {
    return (await namesIn(this.directory)).filter((name) => !name.startsWith('.'));
  }

  /** Names of files that are there, or were. */
  async stored(id: string): Promise<string[]> {
    const names = await namesIn(join(this.directory, id));
    return names
      .filter((name) => name.endsWith(STORED))
      .map((name) => name.slice(0, -STORED.length));
  }

  /** Everything that has a name, also what is on its way to its place. */
  async all(id: string): Promise<Map<string, Description>> {
    const found = new Map<string, Description>();
    for (const file of await namesIn(join(this.directory, id))) {
      const kind = [STORED, COMING].find((one) => file.endsWith(one));
      if (kind === undefined || file.startsWith('.')) continue;
      const name = file.slice(0, -kind.length);
      const about = await this.#read(id, name, kind);
      if (about) found.set(name, about);
    }
    return found;
  }

  async #read(id: string, name: string, kind: string): Promise<Description | null> {
    try {
      return description.parse(JSON.parse(await readFile(this.#pathOf(id, name, kind), 'utf8')));
    } catch {
      return null;
    }
  }

  #pathOf(id: string, name: string, kind: string): string {
    return join(this.directory, id, `${name}${kind}`);
  }
}

/** Sorted; none where there is no such directory. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
