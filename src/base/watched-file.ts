import { readFileSync, statSync } from 'node:fs';

/** The text of a file of at most `mostBytes`; throws as the system does, or that it is longer. */
export function readBoundedText(file: string, mostBytes: number): string {
  const { size } = statSync(file);
  if (size > mostBytes) throw new Error(`it has ${size} bytes, expected at most ${mostBytes}`);
  return readFileSync(file, 'utf8');
}

/** Says whether a file has changed since the last look, by what the file system tells of it. */
export class WatchedFile {
  readonly #file: string;
  #seen: string;

  constructor(file: string) {
    this.#file = file;
    this.#seen = stampOf(file);
  }

  hasChanged(): boolean {
    const stamp = stampOf(this.#file);
    const changed = stamp !== this.#seen;
    this.#seen = stamp;
    return changed;
  }
}

function stampOf(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return 'missing';
  }
}
