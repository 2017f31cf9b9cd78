/**
 * What each trace id holds, known without looking at every file again: an id of ten thousand files is
 * read once, not once for each of them. It counts as long as nobody else changed the directories.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Description } from './description.ts';
import { type Manifest, namesIn } from './manifest.ts';

/** Trace ids that are remembered: uploads of a run come together. */
const IDS_MOST = 32;

export class Holding {
  bytes = 0;
  readonly #files = new Map<string, number>();
  readonly #about = new Map<string, Description>();
  readonly #bySha256 = new Map<string, Set<string>>();
  /** The least suffix that may be free, by name. */
  readonly #suffixes = new Map<string, number>();
  /** Of the directories as they were when it was read or last changed. */
  stamp = '';

  get files(): number {
    return this.#files.size;
  }

  isTaken(name: string): boolean {
    return this.#files.has(name) || this.#about.has(name);
  }

  /** The name under which the same file was sent before as `sentName`, or null. */
  sameAs(
    sentName: string,
    { sha256, bytes }: Pick<Description, 'sha256' | 'bytes'>,
  ): string | null {
    for (const name of this.#bySha256.get(sha256) ?? []) {
      const suffix = name.startsWith(sentName) ? name.slice(sentName.length) : null;
      const isIt = suffix === '' || (suffix !== null && /^\.[1-9]\d*$/.test(suffix));
      if (isIt && this.#about.get(name)?.bytes === bytes) return name;
    }
    return null;
  }

  /** The name itself, or with `.2`, `.3` … behind it. */
  freeName(sentName: string): string {
    if (!this.isTaken(sentName)) return sentName;
    let suffix = this.#suffixes.get(sentName) ?? 2;
    while (this.isTaken(`${sentName}.${suffix}`)) suffix++;
    this.#suffixes.set(sentName, suffix);
    return `${sentName}.${suffix}`;
  }

  describe(name: string, about: Description): void {
    this.#about.set(name, about);
    const names = this.#bySha256.get(about.sha256) ?? new Set();
    this.#bySha256.set(about.sha256, names.add(name));
  }

  add(name: string, bytes: number): void {
    this.bytes += bytes - (this.#files.get(name) ?? 0);
    this.#files.set(name, bytes);
  }

  remove(name: string): void {
    this.bytes -= this.#files.get(name) ?? 0;
    this.#files.delete(name);
    this.#bySha256.get(this.#about.get(name)?.sha256 ?? '')?.delete(name);
    this.#about.delete(name);
    this.#suffixes.clear();
  }
}

export class Holdings {
  readonly #directory: string;
  readonly #manifest: Manifest;
  /** The one that was asked for last is last. */
  readonly #known = new Map<string, Holding>();

  constructor(directory: string, manifest: Manifest) {
    this.#directory = directory;
    this.#manifest = manifest;
  }

  async of(id: string): Promise<Holding> {
    const stamp = await this.#stampOf(id);
    const known = this.#known.get(id);
    const holding = known?.stamp === stamp ? known : await this.#read(id, stamp);
    this.#known.delete(id);
    this.#known.set(id, holding);
    const [oldest] = this.#known.keys();
    if (this.#known.size > IDS_MOST) this.#known.delete(oldest!);
    return holding;
  }

  /** After a change that the holding has too. */
  async changed(id: string): Promise<void> {
    const known = this.#known.get(id);
    if (known) known.stamp = await this.#stampOf(id);
  }

  async #read(id: string, stamp: string): Promise<Holding> {
    const holding = new Holding();
    // Made before the look: what changes meanwhile makes it old.
    holding.stamp = stamp;
    for (const [name, about] of await this.#manifest.all(id)) holding.describe(name, about);
    for (const name of await namesIn(join(this.#directory, id))) {
      const found = await stat(join(this.#directory, id, name)).catch(() => null);
      if (found) holding.add(name, found.size);
    }
    return holding;
  }

  async #stampOf(id: string): Promise<string> {
    const folders = [join(this.#directory, id), join(this.#manifest.directory, id)];
    const times = folders.map(async (folder) => {
      const found = await stat(folder, { bigint: true }).catch(() => null);
      return found ? `${found.ino} ${found.mtimeNs}` : '-';
    });
    return (await Promise.all(times)).join(', ');
  }
}
