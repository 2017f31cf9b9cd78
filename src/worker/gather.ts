import { lstatSync, opendirSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import { type OpenedFile, openResultFile, readWhole, Unusable } from './result-file.ts';

/** Most files that one glob may bring. */
const MAX_FILES = 10_000;
/** Most directory entries looked at for one glob. */
const MAX_ENTRIES = 200_000;
const MAX_DEPTH = 64;

/** Where a result comes from, its templates expanded. */
export interface GatherSource {
  readonly name: string;
  readonly required: boolean;
  readonly from:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'glob'; readonly pattern: string }
    | { readonly kind: 'tree'; readonly path: string }
    /** `staged`: what was there before the program, by name, and how it can be told. */
    | { readonly kind: 'changed'; readonly staged: ReadonlyMap<string, string> };
}

export interface GatherRequest {
  /** Absolute: the attempt's directory. Nothing outside it is ever read. */
  readonly directory: string;
  readonly sources: readonly GatherSource[];
  /** Most bytes of all results together. */
  readonly limitBytes: number;
  /** Files up to this are read into memory while they fit together; larger ones stay files. */
  readonly inlineBytes: number;
}

export interface GatheredPart {
  readonly name: string;
  /** Path inside the attempt's directory. */
  readonly file: string;
  readonly bytes: number;
  readonly content:
    | { readonly kind: 'memory'; readonly bytes: Buffer }
    /** `open` gives a descriptor to read and close; it throws when the file was exchanged since. */
    | { readonly kind: 'file'; open(): number };
}

/** `missing` carries one sentence for a person; the attempt's cause is `missing-result`. */
export type Gathered =
  | { readonly kind: 'gathered'; readonly parts: readonly GatheredPart[] }
  | { readonly kind: 'missing'; readonly reason: string };

/**
 * Collects an attempt's result files after the program's end. Symbolic links are followed only
 * inside the directory; devices, pipes and sockets are refused without being opened.
 */
export function gather(request: GatherRequest): Gathered {
  const gathering = new Gathering(request);
  try {
    for (const source of request.sources) gathering.add(source);
    return { kind: 'gathered', parts: gathering.parts };
  } catch (error) {
    if (error instanceof Unusable) return { kind: 'missing', reason: error.message };
    throw error;
  }
}

class Gathering {
  readonly parts: GatheredPart[] = [];
  readonly #request: GatherRequest;
  #leftBytes: number;
  #leftInlineBytes: number;

  constructor(request: GatherRequest) {
    this.#request = request;
    this.#leftBytes = request.limitBytes;
    this.#leftInlineBytes = request.inlineBytes;
  }

  add(source: GatherSource): void {
    const { from } = source;
    if (from.kind === 'file') this.#addFile(source, from.path);
    else if (from.kind === 'glob') this.#addGlob(source, from.pattern);
    else if (from.kind === 'tree') this.#addTree(source, from.path);
    else this.#addChanged(source, from.staged);
  }

  /** A file, or all files below a folder. */
  #addTree(source: GatherSource, path: string): void {
    const { directory } = this.#request;
    const files = filesBelow(directory, path, source.name);
    if (files === null && source.required) {
      throw new Unusable(`Result "${source.name}" is missing: the program left no ${path}.`);
    }
    this.#takeAll(source, files ?? []);
  }

  #addChanged(source: GatherSource, staged: ReadonlyMap<string, string>): void {
    const { directory } = this.#request;
    const files = findFiles(directory, { kind: 'top' }, source.name);
    const isOwn = (file: string) => file.startsWith('.chirp.');
    const changed = files.filter(
      (file) => !isOwn(file) && staged.get(file) !== identityOf(`${directory}/${file}`),
    );
    this.#takeAll(source, changed);
  }

  #takeAll(source: GatherSource, files: readonly string[]): number {
    let total = 0;
    for (const path of files) {
      const found = openResultFile(this.#request.directory, path, source.name);
      if (!found) {
        throw new Unusable(`Result "${source.name}": ${path} went away while it was read.`);
      }
      total += this.#take(source, path, found);
    }
    return total;
  }

  #addFile(source: GatherSource, path: string): void {
    const found = openResultFile(this.#request.directory, path, source.name);
    if (!found) {
      if (!source.required) return;
      throw new Unusable(`Result "${source.name}" is missing: the program left no file ${path}.`);
    }
    const bytes = this.#take(source, path, found);
    if (source.required && bytes === 0) {
      throw new Unusable(`Result "${source.name}" is empty: ${path} has no bytes.`);
    }
  }

  #addGlob(source: GatherSource, pattern: string): void {
    const files = findFiles(this.#request.directory, { kind: 'glob', pattern }, source.name);
    const total = this.#takeAll(source, files);
    if (!source.required) return;
    if (files.length === 0) {
      throw new Unusable(`Result "${source.name}" is missing: no file matches ${pattern}.`);
    }
    if (total === 0) {
      throw new Unusable(
        `Result "${source.name}" is empty: no file that matches ${pattern} has bytes.`,
      );
    }
  }

  #take(source: GatherSource, file: string, found: OpenedFile): number {
    try {
      const { bytes } = found;
      if (bytes > this.#leftBytes) {
        const limit = this.#request.limitBytes;
        throw new Unusable(
          `Result "${source.name}" is too large: with ${file} (${bytes} bytes) the results exceed ${limit} bytes.`,
        );
      }
      this.#leftBytes -= bytes;
      const content = this.#content(source, file, found);
      this.parts.push({ name: source.name, file, bytes, content });
      return bytes;
    } finally {
      found.close();
    }
  }

  #content(source: GatherSource, file: string, found: OpenedFile): GatheredPart['content'] {
    if (found.bytes <= this.#leftInlineBytes) {
      this.#leftInlineBytes -= found.bytes;
      return { kind: 'memory', bytes: readWhole(found, source.name, file) };
    }
    const { directory } = this.#request;
    const { identity } = found;
    return {
      kind: 'file',
      open() {
        const again = openResultFile(directory, file, source.name);
        if (again && again.identity === identity) return again.descriptor;
        again?.close();
        throw new Unusable(`Result "${source.name}": ${file} changed after the program's end.`);
      },
    };
  }
}

type Wanted =
  | { readonly kind: 'glob'; readonly pattern: string }
  /** Plain files of the directory itself. */
  | { readonly kind: 'top' }
  /** All plain files below a folder. */
  | { readonly kind: 'below'; readonly folder: string };

/** Paths below `directory` that match, in byte order. Symbolic links to directories are not entered. */
function findFiles(directory: string, wanted: Wanted, name: string): string[] {
  const text =
    wanted.kind === 'glob' ? wanted.pattern : wanted.kind === 'below' ? wanted.folder : '';
  const components = text.split('/').filter((part) => part !== '' && part !== '.');
  if (text.startsWith('/') || components.includes('..')) {
    throw new Unusable(
      `Result "${name}": the pattern ${text} leads out of the attempt's directory.`,
    );
  }
  const normal = components.join('/');
  const isDeep = wanted.kind === 'below' || /\*\*|\{/.test(normal);
  const depth = isDeep ? MAX_DEPTH : Math.max(1, components.length);
  const isWanted = (path: string) => wanted.kind !== 'glob' || matchesGlob(path, normal);
  const pattern = normal === '' ? 'all of it' : normal;
  const walk: Walk = { directory, pattern, isWanted, name, depth, found: [], entries: 0 };
  visit(walk, wanted.kind === 'below' ? normal : '', 1);
  return walk.found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** A file is itself, a folder all files below it; null: there is neither. Links are not followed. */
function filesBelow(directory: string, path: string, name: string): string[] | null {
  const found = lstatSync(`${directory}/${path}`, { throwIfNoEntry: false });
  if (!found) return null;
  return found.isDirectory() ? findFiles(directory, { kind: 'below', folder: path }, name) : [path];
}

/** Another text whenever a file was replaced, written or touched. */
export function identityOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  return found && `${found.ino}.${found.size}.${found.mtimeNs}`;
}

interface Walk {
  readonly directory: string;
  /** For messages. */
  readonly pattern: string;
  readonly isWanted: (path: string) => boolean;
  readonly name: string;
  /** Deepest level that can match; 1 is the directory itself. */
  readonly depth: number;
  readonly found: string[];
  entries: number;
}

function visit(walk: Walk, inside: string, level: number): void {
  const folders: string[] = [];
  const entries = openFolder(walk, inside);
  if (!entries) return;
  try {
    for (let entry = entries.readSync(); entry; entry = entries.readSync()) {
      requireEntries(walk);
      const path = inside === '' ? entry.name : `${inside}/${entry.name}`;
      if (entry.isDirectory()) folders.push(path);
      else if (walk.isWanted(path)) take(walk, path);
    }
  } finally {
    entries.closeSync();
  }
  // Entered after the folder is closed, so that a deep tree holds one descriptor at a time.
  if (level >= walk.depth) return;
  for (const folder of folders) visit(walk, folder, level + 1);
}

function openFolder(walk: Walk, inside: string) {
  try {
    return opendirSync(inside === '' ? walk.directory : `${walk.directory}/${inside}`);
  } catch {
    // A folder that the program made unreadable brings no files; a required result says so.
    return null;
  }
}

function requireEntries(walk: Walk): void {
  walk.entries++;
  if (walk.entries > MAX_ENTRIES) {
    throw new Unusable(
      `Result "${walk.name}": more than ${MAX_ENTRIES} files were looked at for ${walk.pattern}.`,
    );
  }
}

function take(walk: Walk, path: string): void {
  if (walk.found.length >= MAX_FILES) {
    throw new Unusable(
      `Result "${walk.name}": more than ${MAX_FILES} files match ${walk.pattern}; pack them into one.`,
    );
  }
  walk.found.push(path);
}
