/**
 * Pins: `pins/NAME/HASH.key` and `.dat`, another name of the very bytes that the entry had when it was
 * pinned. So a pinned version stays although the key gets another one, and is found without asking.
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '#base';
import { datastoreErrors } from '../errors.ts';
import {
  type Description,
  descriptionText,
  MOST_DESCRIPTION_BYTES,
  parseDescription,
} from './description.ts';
import {
  identityOf,
  linkOrCopy,
  makeDurableDirectory,
  namesIn,
  readSmallFile,
  removeFile,
  sameIdentity,
  unlessGone,
  writeWhole,
} from './files.ts';
import type { Layout } from './layout.ts';
import type { Shelf } from './shelf.ts';

export function checkPin(pin: string): void {
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(pin)) return;
  throw datastoreErrors.create('DATA_PIN_WRONG', { pin: JSON.stringify(pin).slice(1, 80) });
}

export class Pins {
  readonly #layout: Layout;
  readonly #shelf: Shelf;

  constructor(layout: Layout, shelf: Shelf) {
    this.#layout = layout;
    this.#shelf = shelf;
  }

  /** Keeps the bytes that `path` is a name of; a version that the pin has already stays. */
  async add(pin: string, description: Description, path: string): Promise<void> {
    checkPin(pin);
    if ((await this.find(pin, description.hash)) !== null) return;
    const folder = join(this.#layout.folder('pins'), pin);
    await makeDurableDirectory(this.#layout.directory, folder);
    const aside = this.#layout.aside('parts', 'pin');
    await linkOrCopy(path, aside);
    await rename(aside, join(folder, `${description.hash}.dat`));
    await removeFile(aside); // two names of one file: then rename does nothing at all
    await writeWhole(aside, this.#keyOf(pin, description.hash), descriptionText(description));
    await syncDirectory(folder);
  }

  /** The version that a pin keeps; null when it keeps none. */
  async find(pin: string, hash: string): Promise<Description | null> {
    const text = await readSmallFile(this.#keyOf(pin, hash), MOST_DESCRIPTION_BYTES);
    return text === null ? null : parseDescription(text);
  }

  /** Makes `path` a name of the pinned bytes; false when they are gone or were changed. */
  async take(pin: string, description: Description, path: string): Promise<boolean> {
    const from = join(this.#layout.folder('pins'), pin, `${description.hash}.dat`);
    if ((await unlessGone(linkOrCopy(from, path).then(() => true))) !== true) return false;
    if (sameIdentity(await identityOf(path), description.file)) return true;
    await removeFile(path);
    return false;
  }

  /** Lets one entry go, or with `hash` null all of them. Answers with how many it had. */
  async remove(pin: string, hash: string | null): Promise<number> {
    checkPin(pin);
    const folder = join(this.#layout.folder('pins'), pin);
    const names = (await namesIn(folder)).filter((name) => name.endsWith('.key'));
    const hashes = names.map((name) => name.slice(0, -'.key'.length));
    const chosen = hash === null ? hashes : hashes.filter((one) => one === hash);
    for (const one of chosen) {
      const description = await this.find(pin, one);
      await removeFile(this.#keyOf(pin, one));
      await removeFile(join(folder, `${one}.dat`));
      if (description) await this.#shelf.sweepContent(description.sha256);
    }
    return chosen.length;
  }

  /** Hashes of all that is pinned, with the names of the pins. */
  async all(): Promise<Map<string, string[]>> {
    const pins = new Map<string, string[]>();
    const root = this.#layout.folder('pins');
    for (const pin of await namesIn(root)) {
      for (const name of await namesIn(join(root, pin))) {
        if (!name.endsWith('.key')) continue;
        const hash = name.slice(0, -'.key'.length);
        pins.set(hash, [...(pins.get(hash) ?? []), pin]);
      }
    }
    return pins;
  }

  async of(hash: string): Promise<string[]> {
    const root = this.#layout.folder('pins');
    const names: string[] = [];
    for (const pin of await namesIn(root)) {
      if ((await this.find(pin, hash)) !== null) names.push(pin);
    }
    return names;
  }

  #keyOf(pin: string, hash: string): string {
    return join(this.#layout.folder('pins'), pin, `${hash}.key`);
  }
}
