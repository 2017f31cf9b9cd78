/**
 * Where everything lies in the directory of a store:
 *
 *   store.json          the format and how hashes are cut into directories
 *   entries/aaaa/bbbb/… `<rest>.key`, the description, and `<rest>.dat`, the bytes
 *   contents/…          the same bytes by their SHA-256; hard links
 *   parts/              what is on its way
 *   claims/             who fetches what, to save work; nothing relies on it
 *   pins/NAME/          the versions that a pin keeps; hard links
 *   sharers/ID/         of one process: its holds, and what only passes through
 *   index/              what is here, for lists and for ageing; a copy of the truth
 *   aside/              what was found wrong
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { syncDirectory } from '#base';
import { datastoreErrors } from '../errors.ts';
import { makeDurableDirectory, makeDurableFolders, unlessGone, writeWhole } from './files.ts';

export const USUAL_SPLIT: readonly number[] = [4, 4];
const FORMAT = 1;
const FOLDERS = [
  'entries',
  'contents',
  'parts',
  'claims',
  'pins',
  'sharers',
  'index',
  'aside',
] as const;

export type Folder = (typeof FOLDERS)[number];

interface StoreFile {
  readonly format: number;
  /** The one in use. */
  readonly split: readonly number[];
  /** Those that entries may still lie by. */
  readonly earlier: readonly (readonly number[])[];
}

export class Layout {
  readonly directory: string;
  #file: StoreFile;

  private constructor(directory: string, file: StoreFile) {
    this.directory = directory;
    this.#file = file;
  }

  /**
   * Makes what is missing. Another split than the one in use becomes the one in use; entries move
   * when they are met, and `migrate` moves the rest. Throws DATA_STORE_FAILED, DATA_SPLIT_WRONG.
   */
  static async open(directory: string, split: readonly number[] | undefined): Promise<Layout> {
    if (split !== undefined) checkSplit(split);
    await makeDurableDirectory('/', directory);
    await makeDurableFolders(directory, FOLDERS);
    const found = await readStoreFile(directory);
    const layout = new Layout(directory, found ?? EMPTY);
    const wanted = split ?? found?.split ?? USUAL_SPLIT;
    if (found === null || !sameSplit(found.split, wanted)) await layout.#resplit(wanted);
    return layout;
  }

  get split(): readonly number[] {
    return this.#file.split;
  }

  get earlierSplits(): readonly (readonly number[])[] {
    return this.#file.earlier;
  }

  folder(name: Folder): string {
    return join(this.directory, name);
  }

  /** Path of an entry's files, without `.key` and `.dat`. */
  stem(hash: string, split = this.#file.split): string {
    return join(this.directory, 'entries', ...cut(hash, split));
  }

  content(sha256: string): string {
    return join(this.directory, 'contents', ...cut(sha256, USUAL_SPLIT));
  }

  /** A name that nobody else has, for something on its way. */
  aside(folder: Folder, name: string): string {
    return join(this.directory, folder, `${name}.${randomBytes(9).toString('hex')}`);
  }

  async makeParent(path: string): Promise<void> {
    await makeDurableDirectory(this.directory, dirname(path));
  }

  /** Another process may have changed the split; true when this one has learnt of it just now. */
  async refresh(): Promise<boolean> {
    const found = await readStoreFile(this.directory);
    if (found === null || sameSplit(found.split, this.#file.split)) return false;
    this.#file = found;
    return true;
  }

  /** Nothing lies by the earlier splits any more. */
  async forgetEarlier(): Promise<void> {
    await this.#write({ ...this.#file, earlier: [] });
  }

  async #resplit(split: readonly number[]): Promise<void> {
    const { split: before, earlier } = this.#file;
    const all = before.length === 0 ? earlier : [before, ...earlier];
    const others = all.filter((one) => !sameSplit(one, split));
    await this.#write({ format: FORMAT, split, earlier: others });
  }

  async #write(file: StoreFile): Promise<void> {
    await writeWhole(this.aside('parts', 'store'), storeFileOf(this.directory), toText(file));
    await syncDirectory(this.directory);
    this.#file = file;
  }
}

const EMPTY: StoreFile = { format: FORMAT, split: [], earlier: [] };

function toText(file: StoreFile): string {
  return `${JSON.stringify(file)}\n`;
}

function storeFileOf(directory: string): string {
  return join(directory, 'store.json');
}

async function readStoreFile(directory: string): Promise<StoreFile | null> {
  const path = storeFileOf(directory);
  const text = await unlessGone(readFile(path, 'utf8'));
  if (text === null) return null;
  const found = parse(text);
  if (found?.format === FORMAT && isSplit(found.split) && found.earlier?.every(isSplit)) {
    return found;
  }
  const reason = 'store.json is of another version, or damaged';
  throw datastoreErrors.create('DATA_STORE_FAILED', { directory, reason });
}

function parse(text: string): StoreFile | null {
  try {
    return JSON.parse(text) as StoreFile | null;
  } catch {
    return null;
  }
}

function isSplit(split: unknown): boolean {
  if (!Array.isArray(split) || split.length > 4) return false;
  return split.every((part) => Number.isInteger(part) && part >= 1 && part <= 8);
}

function checkSplit(split: readonly number[]): void {
  if (!isSplit(split)) {
    throw datastoreErrors.create('DATA_SPLIT_WRONG', { split: split.join('/') });
  }
}

/** `4/4` → [4, 4]; `0`: no directories. Throws DATA_SPLIT_WRONG. */
export function parseSplit(text: string): readonly number[] {
  const parts = text.trim() === '0' ? [] : text.split('/').map(Number);
  if (!isSplit(parts)) throw datastoreErrors.create('DATA_SPLIT_WRONG', { split: text });
  return parts;
}

function sameSplit(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

function cut(hash: string, split: readonly number[]): string[] {
  const parts: string[] = [];
  let from = 0;
  for (const digits of split) {
    parts.push(hash.slice(from, from + digits));
    from += digits;
  }
  return [...parts, hash.slice(from)];
}

/** The hash of a file below `entries/` or `contents/`, by whatever split it lies; null: no entry's. */
export function hashOfPath(root: string, path: string): string | null {
  const name = path.slice(root.length).replace(/\.(?:key|dat)$/, '');
  const hash = name.replaceAll(sep, '');
  return /^[0-9a-f]{64}$/.test(hash) ? hash : null;
}
