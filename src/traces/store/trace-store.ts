/**
 * The store of traces: `<trace id>/<file name>`, whole files only. Beside it, under names that no
 * sender can give, are `.about/<trace id>/<file name>.json` with the digest of each, and
 * `.incoming` with what is still coming.
 *
 * A description is made before its file and only where there is none: it is what reserves the name,
 * between requests and between processes. A description without a file is a store that was killed
 * in between; the same file sent again completes it.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Clock, formatBytes, makeDirectories, systemCodeOf, systemReasonOf } from '#base';
import { tracesErrors } from '../errors.ts';
import {
  faultOfId,
  faultOfName,
  freeName,
  requireId,
  requireName,
  requireSentName,
} from '../trace-name.ts';
import { type Description, description, type StoredTrace } from './description.ts';
import { Digests } from './digests.ts';
import { syncDirectory, writeNew } from './durable.ts';

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

interface Holding {
  files: number;
  bytes: number;
}

export class TraceStore {
  readonly directory: string;
  readonly incoming: string;
  readonly limits: TraceLimits;
  readonly anonymous: boolean;
  readonly clock: Clock;
  readonly digests = new Digests();
  readonly #about: string;
  readonly #onStored: (trace: StoredTrace) => void;
  /** The last arrival of each trace id, that the next one waits for. */
  readonly #turns = new Map<string, Promise<unknown>>();

  private constructor(options: TraceStoreOptions) {
    this.directory = options.directory;
    this.incoming = join(options.directory, '.incoming');
    this.#about = join(options.directory, '.about');
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
      for (const path of [store.incoming, store.#about]) makeDirectories(path, 0o700);
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
    const { name, isNew } = await this.#reserve(arrival, about);
    if (isNew) {
      await this.#place(path, id, name);
      this.#onStored({ id, name, ...about });
    }
    await rm(path, { force: true });
    return { id, name, ...about };
  }

  /** Finds the name that the file may have. `isNew` is false where the same file has it already. */
  async #reserve(arrival: Arrival, about: Description): Promise<{ name: string; isNew: boolean }> {
    const { id, sha256, bytes } = arrival;
    const folder = join(this.#about, id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const taken = new Set<string>();
    for (;;) {
      const name = freeName(arrival.name, (candidate) => taken.has(candidate));
      const other = await this.#describe(id, name);
      const there = await sizeOf(join(this.directory, id, name));
      if (other?.sha256 === sha256 && other.bytes === bytes) return { name, isNew: there === null };
      if (other === null && there === null) {
        await this.#requireRoom(id, bytes);
        const path = join(folder, `${name}.json`);
        if (await writeNew(path, JSON.stringify(about), randomUUID())) return { name, isNew: true };
        continue;
      }
      taken.add(name);
    }
  }

  async #requireRoom(id: string, bytes: number): Promise<void> {
    const held = await this.#holding(id);
    const { idFiles, idBytes } = this.limits;
    if (held.files + 1 > idFiles)
      throw tracesErrors.create('TRACE_ID_FULL', { id, limit: `${idFiles} files` });
    if (held.bytes + bytes > idBytes)
      throw tracesErrors.create('TRACE_ID_FULL', { id, limit: formatBytes(idBytes) });
  }

  async #holding(id: string): Promise<Holding> {
    const held: Holding = { files: 0, bytes: 0 };
    for (const name of await namesIn(join(this.directory, id))) {
      held.files++;
      held.bytes += (await sizeOf(join(this.directory, id, name))) ?? 0;
    }
    return held;
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

  /** Null where there is no such file. Throws `TRACE_NAME_UNSAFE`. */
  async find(id: string, name: string): Promise<StoredTrace | null> {
    const path = this.#pathOf(id, name);
    const found = await stat(path).catch(() => null);
    if (!found?.isFile()) return null;
    const about = await this.#describe(id, name);
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
    const found = await this.#require(id, name);
    return { stream: createReadStream(this.#pathOf(id, name)), bytes: found.bytes };
  }

  /** Reads the file again and says whether it is still what came. Null: nothing to compare with. */
  async isWhole(id: string, name: string): Promise<boolean | null> {
    const found = await this.#require(id, name);
    if (found.sha256 === null) return null;
    const about = await this.#describe(id, name);
    if (about?.bytes !== found.bytes) return false;
    return (await this.digests.ofFile(this.#pathOf(id, name))) === found.sha256;
  }

  async #require(id: string, name: string): Promise<StoredTrace> {
    const found = await this.find(id, name);
    if (!found) throw tracesErrors.create('TRACE_UNKNOWN', { what: `${id}/${name}` });
    return found;
  }

  /** Removes one file. Throws `TRACE_UNKNOWN`, `TRACE_NAME_UNSAFE`. */
  remove(id: string, name: string): Promise<void> {
    return this.#inTurn(requireId(id), () => this.#remove(id, name));
  }

  async #remove(id: string, name: string): Promise<void> {
    await this.#require(id, name);
    await rm(this.#pathOf(id, name));
    await rm(join(this.#about, id, `${name}.json`), { force: true });
    for (const folder of [join(this.directory, id), join(this.#about, id)]) {
      // Others may be in it, and may come at any time.
      await rmdir(folder).catch(() => undefined);
    }
  }

  /** Ends its thread; uploads under way fail. */
  async close(): Promise<void> {
    await this.digests.close();
  }

  #pathOf(id: string, name: string): string {
    return join(this.directory, requireId(id), requireName(name));
  }

  async #describe(id: string, name: string): Promise<Description | null> {
    try {
      const text = await readFile(join(this.#about, id, `${name}.json`), 'utf8');
      return description.parse(JSON.parse(text));
    } catch {
      return null;
    }
  }
}

async function sizeOf(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null);
  return found === null ? null : found.size;
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
