/**
 * The store of traces: `<trace id>/<file name>`, whole files only. Beside it, under names that no
 * sender can give, are `.about` with what it is said to have (`manifest.ts`), and `.incoming` with
 * what is still coming.
 */
import { createReadStream } from 'node:fs';
import { link, mkdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Clock, formatBytes, makeDirectories, syncDirectory, systemReasonOf } from '#base';
import { type Coming, coming, Digests } from '#uploads';
import { tracesErrors } from '../errors.ts';
import { faultOfId, faultOfName, requireId, requireName, requireSentName } from '../trace-name.ts';
import type { Description, StoredTrace } from './description.ts';
import { type Holding, Holdings } from './holdings.ts';
import { Manifest, namesIn } from './manifest.ts';

export interface TraceLimits {
  readonly fileBytes: number;
  /** Of one trace id. */
  readonly idBytes: number;
  readonly idFiles: number;
}

export interface TraceStoreOptions {
  /** Absolute. */
  readonly directory: string;
  readonly limits: TraceLimits;
  /** Nothing about senders is kept. */
  readonly anonymous: boolean;
  readonly clock: Clock;
  readonly onStored?: (trace: StoredTrace) => void;
}

/** A file that has come whole and is synced, on its way into the store. */
export interface Arrival {
  /** Below `incoming`; it is moved from there. */
  readonly path: string;
  readonly id: string;
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly sender: string | null;
}

/** A file that is coming, as far as it is known. */
export interface Announced {
  readonly id: string;
  readonly name: string;
  /** Null: not known yet. */
  readonly sha256: string | null;
  /** In all, or of what has come. */
  readonly bytes: number;
}

export interface ComingTrace extends Omit<Coming, 'metadata'> {
  readonly id: string;
  readonly name: string;
}

export class TraceStore {
  readonly directory: string;
  readonly incoming: string;
  readonly limits: TraceLimits;
  readonly anonymous: boolean;
  readonly clock: Clock;
  readonly digests = new Digests();
  readonly #manifest: Manifest;
  readonly #holdings: Holdings;
  readonly #onStored: (trace: StoredTrace) => void;
  /** The last arrival of each trace id, that the next one waits for. */
  readonly #turns = new Map<string, Promise<unknown>>();

  private constructor(options: TraceStoreOptions) {
    this.directory = options.directory;
    this.incoming = join(options.directory, '.incoming');
    this.#manifest = new Manifest(join(options.directory, '.about'));
    this.#holdings = new Holdings(options.directory, this.#manifest);
    this.limits = options.limits;
    this.anonymous = options.anonymous;
    this.clock = options.clock;
    this.#onStored = options.onStored ?? (() => {});
  }

  /** Makes the directory where it is missing. Throws `TRACE_STORE_FAILED`. */
  static open(options: TraceStoreOptions): TraceStore {
    const store = new TraceStore(options);
    try {
      makeDirectories(store.directory, 0o700);
      for (const path of [store.incoming, store.#manifest.directory]) makeDirectories(path, 0o700);
    } catch (error) {
      const { directory } = options;
      const facts = { directory, reason: systemReasonOf(error) };
      throw tracesErrors.create('TRACE_STORE_FAILED', facts, { cause: error });
    }
    return store;
  }

  /**
   * Gives a whole file its place. The same file under the same name is there already: it is not
   * kept twice. A different one gets a suffix. Throws `TRACE_NAME_UNSAFE`, `TRACE_ID_FULL`, and the
   * system's errors.
   */
  admit(arrival: Arrival): Promise<StoredTrace> {
    requireSentName(arrival.name);
    return this.#inTurn(requireId(arrival.id), () => this.#admit(arrival));
  }

  /** Files of which not all has come, by resumable uploads. */
  async *coming(): AsyncGenerator<ComingTrace> {
    for await (const { metadata, ...upload } of coming(this.incoming)) {
      yield { id: metadata.id ?? '', name: metadata.filename ?? '', ...upload };
    }
  }

  /**
   * Before a file comes and while it does, so that nobody sends what would find no room. Throws
   * `TRACE_ID_FULL`; `admit` has the last word.
   */
  requireRoom(coming: Announced): Promise<void> {
    requireSentName(coming.name);
    return this.#inTurn(requireId(coming.id), async () => {
      const { id, name, sha256, bytes } = coming;
      const held = await this.#holdings.of(id);
      // It may be there already, and is not kept twice.
      const isKnown = sha256 === null ? held.isTaken(name) : held.sameAs(name, { sha256, bytes });
      if (!isKnown) this.#require(held, id, bytes);
    });
  }

  #inTurn<Done>(id: string, work: () => Promise<Done>): Promise<Done> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(work, work);
    this.#turns.set(id, turn);
    const leave = () => {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    };
    turn.then(leave, leave);
    return turn;
  }

  async #admit(arrival: Arrival): Promise<StoredTrace> {
    const { id, path, sha256, bytes } = arrival;
    const receivedAtMs = this.clock.now();
    const sender = this.anonymous ? null : arrival.sender;
    const about: Description = { sha256, bytes, receivedAtMs, sender };
    const held = await this.#holdings.of(id);
    const { name, isNew } = await this.#reserve(held, arrival, about);
    if (isNew) {
      await this.#place(path, id, name);
      await this.#manifest.confirm(id, name);
      held.describe(name, about);
      held.add(name, bytes);
      await this.#holdings.changed(id);
      this.#onStored({ id, name, ...about });
    }
    await rm(path, { force: true });
    return { id, name, ...about };
  }

  /** Finds the name that the file may have. `isNew` is false where the same file has it already. */
  async #reserve(
    held: Holding,
    arrival: Arrival,
    about: Description,
  ): Promise<{ name: string; isNew: boolean }> {
    const { id, bytes } = arrival;
    const same = held.sameAs(arrival.name, about);
    if (same !== null) {
      const there = await sizeOf(join(this.directory, id, same));
      return { name: same, isNew: there === null };
    }
    this.#require(held, id, bytes);
    for (;;) {
      const name = held.freeName(arrival.name);
      if (await this.#manifest.reserve(id, name, about)) return { name, isNew: true };
      // Somebody else has it by now.
      held.describe(name, (await this.#manifest.describe(id, name)) ?? about);
    }
  }

  #require({ files, bytes: held }: Holding, id: string, bytes: number): void {
    const { idFiles, idBytes } = this.limits;
    if (files + 1 > idFiles)
      throw tracesErrors.create('TRACE_ID_FULL', { id, limit: `${idFiles} files` });
    if (held + bytes > idBytes)
      throw tracesErrors.create('TRACE_ID_FULL', { id, limit: formatBytes(idBytes) });
  }

  async #place(path: string, id: string, name: string): Promise<void> {
    const folder = join(this.directory, id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await syncDirectory(this.directory);
    await link(path, join(folder, name));
    await syncDirectory(folder);
  }

  /** Ids of all traces, oldest first as far as their names tell. */
  async ids(): Promise<string[]> {
    const names = await namesIn(this.directory);
    return names.filter((name) => faultOfId(name) === null);
  }

  /** The files of one trace, or of all. */
  async *list(id?: string): AsyncGenerator<StoredTrace> {
    const ids = id === undefined ? await this.ids() : [requireId(id)];
    for (const each of ids) {
      const names = await namesIn(join(this.directory, each));
      for (const name of names.filter((found) => faultOfName(found) === null)) {
        const trace = await this.find(each, name);
        if (trace) yield trace;
      }
    }
  }

  /** Files that were stored and are there no longer, of one trace or of all. */
  async *gone(id?: string): AsyncGenerator<{ readonly id: string; readonly name: string }> {
    const ids = id === undefined ? await this.#manifest.ids() : [requireId(id)];
    for (const each of ids.filter((found) => faultOfId(found) === null)) {
      for (const name of await this.#manifest.stored(each)) {
        const isThere = (await sizeOf(join(this.directory, each, name))) !== null;
        if (!isThere && faultOfName(name) === null) yield { id: each, name };
      }
    }
  }

  /** Null where there is no such file. Throws `TRACE_NAME_UNSAFE`. */
  async find(id: string, name: string): Promise<StoredTrace | null> {
    const path = this.#pathOf(id, name);
    const found = await stat(path).catch(() => null);
    if (!found?.isFile()) return null;
    const about = await this.#manifest.describe(id, name);
    return {
      id,
      name,
      bytes: found.size,
      receivedAtMs: about?.receivedAtMs ?? Math.round(found.mtimeMs),
      sha256: about?.sha256 ?? null,
      sender: about?.sender ?? null,
    };
  }

  /** Throws `TRACE_UNKNOWN`, `TRACE_NAME_UNSAFE`. */
  async read(id: string, name: string): Promise<{ stream: Readable; bytes: number }> {
    const found = await this.#requireTrace(id, name);
    return { stream: createReadStream(this.#pathOf(id, name)), bytes: found.bytes };
  }

  /** Reads the file again and says whether it is still what came. Null: nothing to compare with. */
  async isWhole(id: string, name: string): Promise<boolean | null> {
    const found = await this.#requireTrace(id, name);
    if (found.sha256 === null) return null;
    const about = await this.#manifest.describe(id, name);
    if (about?.bytes !== found.bytes) return false;
    return (await this.digests.ofFile(this.#pathOf(id, name))) === found.sha256;
  }

  async #requireTrace(id: string, name: string): Promise<StoredTrace> {
    const found = await this.find(id, name);
    if (!found) throw tracesErrors.create('TRACE_UNKNOWN', { what: `${id}/${name}` });
    return found;
  }

  /** Removes one file, or what is said of one that is gone. Throws `TRACE_UNKNOWN`, `TRACE_NAME_UNSAFE`. */
  remove(id: string, name: string): Promise<void> {
    return this.#inTurn(requireId(id), () => this.#remove(id, name));
  }

  async #remove(id: string, name: string): Promise<void> {
    const isGone = (await sizeOf(this.#pathOf(id, name))) === null;
    const held = await this.#holdings.of(id);
    if (isGone && !held.isTaken(name)) await this.#requireTrace(id, name);
    // What is said goes first: a kill in between must not leave one that seems to be lost.
    await this.#manifest.remove(id, name);
    await rm(this.#pathOf(id, name), { force: true });
    // Others may be in it, and may come at any time.
    await rmdir(join(this.directory, id)).catch(() => undefined);
    held.remove(name);
    await this.#holdings.changed(id);
  }

  /** Ends its thread; uploads under way fail. */
  async close(): Promise<void> {
    await this.digests.close();
  }

  #pathOf(id: string, name: string): string {
    return join(this.directory, requireId(id), requireName(name));
  }
}

async function sizeOf(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null);
  return found === null ? null : found.size;
}
