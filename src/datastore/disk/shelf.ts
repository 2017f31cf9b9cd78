/**
 * The entries on disk. What makes them safe without any lock:
 *
 * - Bytes get their names (`contents/…`, then `.dat`) only once they are complete, verified and
 *   flushed; the description follows the same way. So at every instant a `.key` describes bytes
 *   that were whole before it.
 * - A description says which file it means, by size and time of change. A reader takes a link of
 *   its own first and then compares that very file, so nobody can change it under the reader.
 * - `.dat` may be ahead of its `.key` while a version is being replaced. Then the old version still
 *   lies in `contents/`, where readers find it and put it back under its name.
 */
import { chmod, rename, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { syncDirectory, systemCodeOf } from '#base';
import { datastoreErrors } from '../errors.ts';
import type { StoreEvent } from '../port.ts';
import {
  type Description,
  descriptionText,
  MOST_DESCRIPTION_BYTES,
  parseDescription,
} from './description.ts';
import { digestsOf, sha256Of } from './digest-file.ts';
import {
  identityOf,
  linkOrCopy,
  readSmallFile,
  removeFile,
  sameIdentity,
  tryLink,
  unlessGone,
  writeWhole,
} from './files.ts';
import type { EntryName } from './key.ts';
import type { Layout } from './layout.ts';

/** A file that is complete, and what is known of its bytes; it is flushed before it gets its names. */
export interface Draft {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Null: it was not made yet. */
  readonly md5: string | null;
}

export type Undescribed = Omit<Description, 'file' | 'bytes' | 'sha256' | 'md5' | keyof EntryName>;

const DATA_MODE = 0o444;
const PROGRAM_MODE = 0o555;

export class Shelf {
  readonly #layout: Layout;
  readonly #onEvent: (event: StoreEvent) => void;

  constructor(layout: Layout, onEvent: (event: StoreEvent) => void) {
    this.#layout = layout;
    this.#onEvent = onEvent;
  }

  /** The description of a key, if there is one; whether its bytes are right shows in `take`. */
  async describe(name: EntryName): Promise<Description | null> {
    const found = await this.#read(name, this.#layout.stem(name.hash));
    if (found !== null) return found;
    const isNew = await this.#layout.refresh();
    if (isNew) return this.describe(name);
    return this.#migrated(name);
  }

  /**
   * Makes `path` another name of the bytes that `description` means, and leaves nothing there when
   * they are not to be had. False: they are gone, or not what they were. Those are set aside.
   */
  async take(description: Description, path: string): Promise<boolean> {
    const stem = this.#layout.stem(description.hash);
    if (await this.#takeFrom(`${stem}.dat`, description, path)) return true;
    const content = this.#layout.content(description.sha256);
    if (await this.#takeFrom(content, description, path)) {
      await this.#putBack(path, `${stem}.dat`);
      return true;
    }
    return this.#takeChecked(description, path);
  }

  /** As `take`, of bytes that somebody described by their digest, whatever their key. */
  async takeContent(sha256: string, path: string): Promise<Draft | null> {
    const content = this.#layout.content(sha256);
    if (!(await this.#linked(content, path))) return null;
    const found = await digestsOf(path, ['sha256']);
    if (found.digests.sha256 === sha256) return { path, bytes: found.bytes, sha256, md5: null };
    await removeFile(path);
    await this.#setContentAside(sha256, `its SHA-256 is ${found.digests.sha256}`);
    return null;
  }

  /** Lets nobody write to a draft by mistake, whatever names it gets. */
  async seal({ path }: Draft): Promise<void> {
    await chmod(path, DATA_MODE);
  }

  /**
   * Gives a draft that is flushed and sealed its names; `draft.path` is used up. What lay under the key
   * before is replaced; a reader that has it keeps it.
   */
  async commit(name: EntryName, draft: Draft, what: Undescribed): Promise<Description> {
    const before = await this.describe(name);
    await Promise.all([
      this.#shareContent(draft),
      this.#layout.makeParent(this.#layout.stem(name.hash)),
    ]);
    const description = await this.describeDraft(name, draft, what);
    await this.#layout.refresh();
    const stem = this.#layout.stem(name.hash);
    await this.#layout.makeParent(stem);
    await rename(draft.path, `${stem}.dat`);
    await removeFile(draft.path); // two names of one file: then rename does nothing at all
    await Promise.all([
      syncDirectory(dirname(this.#layout.content(draft.sha256))),
      this.#writeDescription(description),
    ]);
    if (before !== null && before.sha256 !== draft.sha256) await this.sweepContent(before.sha256);
    return description;
  }

  /** What its description would be. Rejects with DATA_STORE_FAILED when it is not what was verified. */
  async describeDraft(name: EntryName, draft: Draft, what: Undescribed): Promise<Description> {
    const { path, bytes, sha256, md5 } = draft;
    const file = await identityOf(path);
    if (file?.bytes === bytes) return { ...name, ...what, bytes, sha256, md5, file };
    throw datastoreErrors.create('DATA_STORE_FAILED', {
      directory: this.#layout.directory,
      reason: 'a file changed while it was stored',
    });
  }

  /**
   * Replaces the description alone: its bytes are still right. Not where another version has come
   * meanwhile; one that comes in this very instant is found by its bytes in `contents/`.
   */
  async redescribe(description: Description, before: Description): Promise<void> {
    const now = await this.describe(before);
    if (now?.sha256 === before.sha256)
      await this.#writeDescription({ ...description, file: now.file });
  }

  /** Writes down the MD5 of a version, if it is still the one that is here. */
  async noteMd5(before: Description, md5: string): Promise<void> {
    const now = await this.describe(before);
    if (now?.sha256 === before.sha256 && now.md5 === null)
      await this.#writeDescription({ ...now, md5 });
  }

  /** Makes the bytes a program for all that share them; the time of change stays. */
  async makeExecutable(path: string): Promise<void> {
    const { mode } = await stat(path);
    if ((mode & 0o111) !== 0o111) await chmod(path, PROGRAM_MODE);
  }

  /**
   * The description goes first: what has none is not there. Answers with the bytes that became free:
   * none while another key, a hold or a pin has them.
   */
  async remove(description: Description): Promise<number> {
    const stem = this.#layout.stem(description.hash);
    await removeFile(`${stem}.key`);
    const links = (await unlessGone(stat(`${stem}.dat`)))?.nlink ?? 0;
    await removeFile(`${stem}.dat`);
    const swept = await this.sweepContent(description.sha256);
    return links === 1 ? description.bytes : swept;
  }

  /** Removes bytes that no key, hold or pin has a name for any more. Answers with what it freed. */
  async sweepContent(sha256: string): Promise<number> {
    const path = this.#layout.content(sha256);
    const found = await unlessGone(stat(path));
    // Whoever links it in this instant has a name of its own, and loses only the sharing.
    if (found?.nlink !== 1) return 0;
    await removeFile(path);
    return found.size;
  }

  /** Takes a damaged entry out of the way, so that it is fetched again; tells of it. */
  async setAside(description: Description, reason: string): Promise<void> {
    const stem = this.#layout.stem(description.hash);
    const aside = this.#layout.aside('aside', description.hash);
    await unlessGone(rename(`${stem}.key`, `${aside}.key`));
    await unlessGone(rename(`${stem}.dat`, `${aside}.dat`));
    await removeFile(this.#layout.content(description.sha256));
    this.#onEvent({ kind: 'corrupt', key: description.key, reason });
  }

  /** A description that cannot be read. */
  async setGarbageAside(path: string): Promise<void> {
    await unlessGone(rename(path, this.#layout.aside('aside', basename(path))));
    this.#onEvent({ kind: 'garbage', path, reason: 'the description cannot be read' });
  }

  /** Removes bytes that have had no description since then: whoever writes one is done in seconds. */
  async clearOrphan(path: string, sinceMs: number): Promise<void> {
    const found = await unlessGone(stat(path));
    if (found === null || found.ctimeMs > sinceMs) return;
    const isDescribed = await unlessGone(stat(path.replace(/dat$/, 'key')));
    if (isDescribed === null) await removeFile(path);
  }

  async #read(name: EntryName, stem: string): Promise<Description | null> {
    const path = `${stem}.key`;
    const text = await readSmallFile(path, MOST_DESCRIPTION_BYTES);
    if (text === null) return null;
    const found = parseDescription(text);
    if (found === null) {
      await this.setGarbageAside(path);
      return null;
    }
    if (found.key === name.key && found.owner === name.owner) return found;
    const facts = { key: name.key, path: `${stem}.key`, other: found.key };
    throw datastoreErrors.create('DATA_COLLISION', facts);
  }

  /** Entries that lie by an earlier split move when they are met. */
  async #migrated(name: EntryName): Promise<Description | null> {
    for (const split of this.#layout.earlierSplits) {
      const old = this.#layout.stem(name.hash, split);
      const found = await this.#read(name, old);
      if (found === null) continue;
      await this.moveEntry(old, name.hash);
      return found;
    }
    return null;
  }

  /**
   * Moves an entry to where the split in use has it. It has its new names before it loses the old
   * ones, so at every instant one of them is whole; a newer version at the new place stays.
   */
  async moveEntry(old: string, hash: string): Promise<void> {
    const stem = this.#layout.stem(hash);
    if (old === stem) return;
    await this.#layout.makeParent(stem);
    for (const ending of ['.dat', '.key']) {
      try {
        await unlessGone(linkOrCopy(`${old}${ending}`, `${stem}${ending}`));
      } catch (error) {
        if (systemCodeOf(error) !== 'EEXIST') throw error;
      }
    }
    await syncDirectory(dirname(stem));
    await removeFile(`${old}.key`);
    await removeFile(`${old}.dat`);
  }

  async #takeFrom(from: string, description: Description, path: string): Promise<boolean> {
    if (!(await this.#linked(from, path))) return false;
    if (sameIdentity(await identityOf(path), description.file)) return true;
    await removeFile(path);
    return false;
  }

  /** Linked, never copied half: a copy could change under the hand, a link is one file. */
  async #linked(from: string, path: string): Promise<boolean> {
    return (await unlessGone(linkOrCopy(from, path).then(() => true))) ?? false;
  }

  /**
   * Neither name has the file that was described: it was written to, or the whole store was copied
   * or restored. Its digest decides.
   */
  async #takeChecked(description: Description, path: string): Promise<boolean> {
    const stem = this.#layout.stem(description.hash);
    if (!(await this.#linked(`${stem}.dat`, path))) {
      await this.#dropUnlessNewer(description, 'its bytes are missing');
      return false;
    }
    const before = await identityOf(path);
    const found = await sha256Of(path);
    const after = await identityOf(path);
    if (before && after && sameIdentity(before, after) && found === description.sha256) {
      await this.#writeDescription({ ...description, file: after });
      return true;
    }
    await removeFile(path);
    await this.#dropUnlessNewer(description, `its SHA-256 is ${found}`);
    return false;
  }

  /** Only what was judged: meanwhile another process may have stored the key anew. */
  async #dropUnlessNewer(description: Description, reason: string): Promise<void> {
    const text = await readSmallFile(
      `${this.#layout.stem(description.hash)}.key`,
      MOST_DESCRIPTION_BYTES,
    );
    if (text === descriptionText(description)) await this.setAside(description, reason);
  }

  async #putBack(hold: string, path: string): Promise<void> {
    const aside = this.#layout.aside('parts', 'back');
    if (!(await tryLink(hold, aside))) return;
    await rename(aside, path);
    await removeFile(aside);
  }

  /**
   * Lets the draft be another name of the same bytes where they lie here already. Those are read
   * again first: what was damaged since must not take the place of what was just verified.
   */
  async #shareContent(draft: Draft): Promise<void> {
    const content = this.#layout.content(draft.sha256);
    await this.#layout.makeParent(content);
    for (let round = 0; round < 3; round++) {
      if (await this.#becomesContent(draft.path, content)) return;
      const found = await unlessGone(sha256Of(content));
      if (found === draft.sha256) {
        const twin = this.#layout.aside('parts', 'twin');
        if (!(await unlessGone(tryLink(content, twin)))) continue;
        await rename(twin, draft.path);
        await removeFile(twin); // as in commit: the draft may be that very file
        return;
      }
      if (found !== null) {
        await this.#setContentAside(draft.sha256, `its SHA-256 is ${found}`);
      }
    }
  }

  async #becomesContent(path: string, content: string): Promise<boolean> {
    try {
      await tryLink(path, content);
      return true;
    } catch (error) {
      if (systemCodeOf(error) === 'EEXIST') return false;
      throw error;
    }
  }

  async #setContentAside(sha256: string, reason: string): Promise<void> {
    const path = this.#layout.content(sha256);
    await unlessGone(rename(path, this.#layout.aside('aside', sha256)));
    this.#onEvent({ kind: 'corrupt', key: `sha256:${sha256}`, reason });
  }

  async #writeDescription(description: Description): Promise<void> {
    const stem = this.#layout.stem(description.hash);
    const aside = this.#layout.aside('parts', 'key');
    await writeWhole(aside, `${stem}.key`, descriptionText(description));
    await syncDirectory(dirname(stem));
  }
}
