/**
 * What is about to be done is written down before it is, so that the next worker can undo what one
 * that was killed had done. No sync: what a crash of the machine takes from the journal it has
 * taken from the machine as well, but for directories, which are found by their names.
 *
 * One file, to which a line is added for what begins and for what has ended: making and removing a
 * file for each attempt would take longer than most of what is written down there.
 */
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Operation } from './operation.ts';

const FOLDER = 'walls';
const FILE = 'journal';
/** Then it is written anew with what has not ended. */
const LONGEST_BYTES = 256 * 1024;

type Line =
  | { readonly begun: string; readonly operations: readonly Operation[] }
  | { readonly ended: string };

export class Journal {
  readonly #path: string;
  /** Lines of what was begun and not ended. */
  readonly #open: Map<string, string>;
  #fd: number | null = null;
  #bytes = 0;

  /** `directory`: the worker's own. */
  constructor(directory: string) {
    const folder = join(directory, FOLDER);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#path = join(folder, FILE);
    this.#open = readLines(this.#path);
  }

  begin(name: string, operations: readonly Operation[]): void {
    const line = lineOf({ begun: name, operations });
    this.#add(line);
    this.#open.set(name, line);
  }

  end(name: string): void {
    if (this.#open.delete(name)) this.#add(lineOf({ ended: name }));
  }

  /** Everything that was begun and not ended. */
  unfinished(): { readonly name: string; readonly operations: readonly Operation[] }[] {
    return [...this.#open].map(([name, line]) => ({
      name,
      operations: (parse(line) as { operations: readonly Operation[] }).operations,
    }));
  }

  /** Leaves no file where there is nothing to undo. */
  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    if (this.#open.size === 0) rmSync(this.#path, { force: true });
  }

  #add(line: string): void {
    if (this.#fd === null || this.#bytes > LONGEST_BYTES) this.#begin();
    appendFileSync(this.#fd!, line);
    this.#bytes += line.length;
  }

  /** Whole under its name, or not at all. */
  #begin(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    const text = [...this.#open.values()].join('');
    writeFileSync(`${this.#path}.new`, text, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
    this.#fd = openSync(this.#path, 'a');
    this.#bytes = text.length;
  }
}

function lineOf(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}

function readLines(path: string): Map<string, string> {
  const open = new Map<string, string>();
  for (const text of linesIn(path)) {
    const line = parse(text);
    if (line && 'begun' in line) open.set(line.begun, `${text}\n`);
    else if (line) open.delete(line.ended);
  }
  return open;
}

function linesIn(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return []; // it was closed as it should be
  }
}

/** A cut-off line was being written when the worker died: nothing of it had been done. */
function parse(text: string): Line | null {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return null;
  }
}
