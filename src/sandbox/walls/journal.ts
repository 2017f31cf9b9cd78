/**
 * What is about to be done is written down before it is, so that the next worker can undo what one
 * that was killed had done. No sync: what a crash of the machine takes from the journal it has
 * taken from the machine as well, but for directories, which are found by their names.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Operation } from './operation.ts';

const FOLDER = 'walls';
const NAME = /^[A-Za-z0-9-]{1,100}\.json$/;

export class Journal {
  readonly #folder: string;

  /** `directory`: the worker's own. */
  constructor(directory: string) {
    this.#folder = join(directory, FOLDER);
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  begin(name: string, operations: readonly Operation[]): void {
    writeFileSync(this.#pathOf(name), JSON.stringify(operations), { mode: 0o600 });
  }

  end(name: string): void {
    rmSync(this.#pathOf(name), { force: true });
  }

  /** Everything that was begun and not ended; entries that were cut off are passed over. */
  unfinished(): { readonly name: string; readonly operations: readonly Operation[] }[] {
    const files = readdirSync(this.#folder).filter((file) => NAME.test(file));
    return files.map((file) => ({
      name: file.slice(0, -'.json'.length),
      operations: readOperations(join(this.#folder, file)),
    }));
  }

  #pathOf(name: string): string {
    return join(this.#folder, `${name}.json`);
  }
}

/** A cut-off entry was being written when the worker died: nothing of it had been done. */
function readOperations(path: string): readonly Operation[] {
  try {
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Array.isArray(found) ? (found as Operation[]) : [];
  } catch {
    return [];
  }
}
