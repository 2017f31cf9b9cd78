/** Loads the parts of a bundle, as `require` would, with the code that was kept of them. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { constants, Script } from 'node:vm';
import type { CodeCache } from './code-cache.ts';

interface Part {
  exports: unknown;
}

type Body = (
  exports: unknown,
  require: (id: string) => unknown,
  module: Part,
  filename: string,
  directory: string,
) => void;

export class PartLoader {
  readonly #directory: string;
  readonly #cache: CodeCache;
  readonly #parts = new Map<string, Part>();
  readonly #requireElsewhere: (id: string) => unknown;

  constructor(directory: string, cache: CodeCache) {
    this.#directory = directory;
    this.#cache = cache;
    this.#requireElsewhere = createRequire(join(directory, 'parts'));
  }

  /** What the part with this file name exports; run when it is asked for first. One that fails is run anew the next time. */
  load(name: string): unknown {
    const known = this.#parts.get(name);
    if (known) return known.exports;
    const part: Part = { exports: {} };
    this.#parts.set(name, part);
    try {
      this.#run(name, part);
    } catch (error) {
      this.#parts.delete(name);
      throw error;
    }
    return part.exports;
  }

  #run(name: string, part: Part): void {
    const filename = join(this.#directory, name);
    const text = readFileSync(filename, 'utf8');
    const cachedData = this.#cache.codeOf(name);
    // A function whose head is on the first line with the part's own: lines in messages are right.
    const source = `(function(exports,require,module,__filename,__dirname){${text}\n})`;
    const script = new Script(source, {
      filename,
      ...(cachedData && { cachedData }),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    this.#cache.note(name, script);
    const body = script.runInThisContext() as Body;
    const require = (id: string) =>
      id.startsWith('./') ? this.load(id.slice(2)) : this.#requireElsewhere(id);
    body(part.exports, require, part, filename, this.#directory);
  }
}
