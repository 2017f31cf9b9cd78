/** The datastore as a whole: the parts joined, and what administrators ask of it. */
import { createReadStream } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { diskOrFailure, sweepContents, totalsOf } from './ageing.ts';
import { Ager } from './ager.ts';
import type { Description } from './disk/description.ts';
import { Hasher } from './disk/hasher.ts';
import { type EntryName, entryName } from './disk/key.ts';
import { Layout } from './disk/layout.ts';
import { checkPin, Pins } from './disk/pins.ts';
import { Sharer } from './disk/sharer.ts';
import { type Draft, Shelf } from './disk/shelf.ts';
import { EarlyTurns } from './early-turns.ts';
import { datastoreErrors } from './errors.ts';
import { storeFailure } from './fetch/failures.ts';
import { Fetcher } from './fetch/fetcher.ts';
import { clearUselessParts } from './fetch/left-parts.ts';
import type { Part } from './fetch/part.ts';
import { EntryIndex } from './index/entry-index.ts';
import { inTurns } from './index/in-turns.ts';
import { rebuildIndex, recordOf } from './index/rebuild.ts';
import { Keeper } from './keeper.ts';
import { LateMd5 } from './late-md5.ts';
import { snapshotOf } from './listing.ts';
import type {
  Aged,
  AgeWish,
  Datastore,
  DatastoreOptions,
  EnsureRequest,
  EntryView,
  Held,
  Listing,
  ListQuery,
  Progress,
  PutRequest,
  Snapshot,
  SnapshotQuery,
  StoreCounts,
  StoreEvent,
  StoreLimits,
  Usage,
  Verified,
  VerifyWish,
} from './port.ts';
import { draftOf, draftOfFile } from './storing.ts';
import { Tally } from './tally.ts';
import { USUAL_FETCHING, USUAL_LIMITS } from './usual-limits.ts';
import { verify } from './verifying.ts';
import { changeIn } from './watching.ts';

/** Between two samples of what is read again. */
const SAMPLE_MS = 3_600_000;

/** Opens a store, and clears away what processes left that are gone. Throws DATA_STORE_FAILED. */
export async function openDatastore(given: DatastoreOptions): Promise<Datastore> {
  const { directory, split } = given;
  const tally = new Tally();
  const onEvent = (event: StoreEvent) => {
    tally.noteEvent(event);
    given.onEvent(event);
  };
  const options = { ...given, onEvent };
  try {
    const layout = await Layout.open(directory, split);
    const shelf = new Shelf(layout, options.onEvent);
    const sharer = await Sharer.open(layout, (sha256) => shelf.sweepContent(sha256));
    await sharer.clearGone();
    await clearUselessParts(layout, sharer);
    return new SharedDatastore(options, { layout, shelf, sharer, tally });
  } catch (error) {
    throw storeFailure(error, '', directory);
  }
}

interface Parts {
  readonly layout: Layout;
  readonly shelf: Shelf;
  readonly sharer: Sharer;
  readonly tally: Tally;
}

class SharedDatastore implements Datastore {
  readonly directory: string;
  readonly #options: DatastoreOptions;
  readonly #limits: StoreLimits;
  readonly #layout: Layout;
  readonly #shelf: Shelf;
  readonly #sharer: Sharer;
  readonly #tally: Tally;
  readonly #pins: Pins;
  readonly #index: EntryIndex;
  readonly #hasher = new Hasher();
  readonly #ager: Ager;
  readonly #fetcher: Fetcher;
  readonly #keeper: Keeper;
  readonly #lateMd5: LateMd5;
  readonly #ending = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #sampling: Promise<unknown> = Promise.resolve();
  #rebuilding: Promise<unknown> | null = null;

  constructor(options: DatastoreOptions, { layout, shelf, sharer, tally }: Parts) {
    const { clock, random, transports, onEvent } = options;
    this.directory = options.directory;
    this.#options = options;
    this.#limits = { ...USUAL_LIMITS, ...options.limits };
    this.#layout = layout;
    this.#shelf = shelf;
    this.#sharer = sharer;
    this.#tally = tally;
    this.#pins = new Pins(layout, shelf);
    this.#index = new EntryIndex(layout, sharer.directory, clock);
    this.#ager = new Ager({
      layout,
      shelf,
      sharer,
      pins: this.#pins,
      index: this.#index,
      limits: this.#limits,
      clock,
      signal: this.#ending.signal,
      knowAll: () => this.#knowAll(),
      onEvent,
    });
    const limits = { ...USUAL_FETCHING, ...options.fetching };
    const parts = { layout, sharer, hasher: this.#hasher, clock, random, onEvent };
    this.#fetcher = new Fetcher({ transports, limits, ...parts });
    this.#lateMd5 = new LateMd5({
      isBusy: () => this.#keeper.underWay().length > 0,
      make: (name) => this.#keeper.inspect(name),
    });
    this.#keeper = new Keeper({
      layout,
      shelf,
      sharer,
      pins: this.#pins,
      index: this.#index,
      hasher: this.#hasher,
      lateMd5: this.#lateMd5,
      early: new EarlyTurns(),
      fetcher: this.#fetcher,
      clock,
      tries: limits.tries,
      makeRoom: () => this.#ager.makeRoom(),
      onEvent: (event) => {
        onEvent(event);
        if (event.kind === 'stored') this.#ager.noteStored(event.bytes);
      },
    });
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS).unref();
  }

  async ensure(request: EnsureRequest): Promise<Held> {
    this.#throwIfClosed();
    if (request.pin !== undefined) checkPin(request.pin);
    const name = entryName(request.key, request.owner);
    const held = await this.#orFailure(name.key, this.#keeper.ensure(name, request));
    this.#tally.noteWay(held.way);
    return held;
  }

  async find(key: string, owner?: string): Promise<EntryView | null> {
    const name = await this.#placed(key, owner);
    const kept = await this.#orFailure(name.key, this.#keeper.look(name));
    if (kept === null) return null;
    await kept.grip.release();
    return this.#viewOf(kept.description);
  }

  async inspect(
    key: string,
    owner?: string,
  ): Promise<(EntryView & { readonly md5: string }) | null> {
    const name = await this.#placed(key, owner);
    const known = await this.#orFailure(name.key, this.#keeper.inspect(name));
    if (known === null) return null;
    return { ...(await this.#viewOf(known)), md5: known.md5 };
  }

  async md5Of({ key, path, bytes, md5 }: Held): Promise<string> {
    return md5 ?? this.#orFailure(key, this.#hasher.md5Of(path, bytes));
  }

  async hold(key: string, owner?: string): Promise<Held | null> {
    const name = await this.#placed(key, owner);
    return this.#orFailure(name.key, this.#keeper.hold(name));
  }

  async holdContent(sha256: string): Promise<Held | null> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) return null;
    return this.#orFailure(`sha256:${sha256}`, this.#keeper.holdContent(sha256));
  }

  open(held: Held, range?: { readonly start: number; readonly end: number }): Readable {
    return createReadStream(held.path, { ...range, highWaterMark: 256 * 1024 });
  }

  put(source: AsyncIterable<Uint8Array>, request: PutRequest): Promise<EntryView> {
    return this.#put(request, (part, key) => draftOf(part, source, request, key));
  }

  putFile(path: string, request: PutRequest): Promise<EntryView> {
    return this.#put(request, (part, key) => draftOfFile(part, path, request, key));
  }

  async #put(
    request: PutRequest,
    draw: (part: Part, key: string) => Promise<Draft>,
  ): Promise<EntryView> {
    this.#throwIfClosed();
    const name = entryName(request.key, request.owner);
    const part = this.#fetcher.partForPut(name.hash);
    try {
      const draft = await draw(part, name.key);
      const mediaType = request.mediaType ?? null;
      const description = await this.#keeper.put(name, draft, { mediaType, source: '' });
      return await this.#viewOf(description);
    } catch (error) {
      await part.discard();
      throw storeFailure(error, name.key, this.directory);
    }
  }

  async list(query: Partial<ListQuery>): Promise<Listing> {
    const { offset = 0, limit = Number.MAX_SAFE_INTEGER } = query;
    const { matching, matchingBytes, page } = await this.snapshot(query);
    return { matching, matchingBytes, entries: page(offset, limit) };
  }

  async snapshot(query: Partial<SnapshotQuery>): Promise<Snapshot> {
    await this.#knowAll();
    const pins = await this.#pins.all();
    const table = await this.#index.load();
    return snapshotOf(table, pins, query, this.#options.clock.now());
  }

  async usage(): Promise<Usage> {
    await this.#knowAll();
    const { entries, bytes } = await inTurns(totalsOf(await this.#index.load()));
    const { freeBytes, leastFreeBytes } = await diskOrFailure(this.directory, this.#limits);
    const pinned = (await this.#pins.all()).size;
    return { entries, bytes, pinned, freeBytes, limits: { ...this.#limits, leastFreeBytes } };
  }

  counts(): StoreCounts {
    return this.#tally.counts();
  }

  async pin(key: string, pin: string, owner?: string): Promise<EntryView> {
    checkPin(pin);
    const name = await this.#placed(key, owner);
    const kept = await this.#orFailure(name.key, this.#keeper.look(name));
    if (kept === null) throw datastoreErrors.create('DATA_UNKNOWN', { key: name.key });
    const { description, grip } = kept;
    try {
      await this.#pins.add(pin, description, grip.path);
      return await this.#viewOf(description);
    } finally {
      await grip.release();
    }
  }

  async unpin(pin: string, key?: string, owner?: string): Promise<number> {
    return this.#pins.remove(pin, key === undefined ? null : entryName(key, owner).hash);
  }

  async remove(key: string, owner?: string): Promise<boolean> {
    const name = await this.#placed(key, owner);
    const description = await this.#shelf.describe(name);
    if (description === null) return false;
    const pins = await this.#pins.of(name.hash);
    if (pins.length > 0) {
      throw datastoreErrors.create('DATA_PINNED', { key: name.key, pins: pins.join(', ') });
    }
    await this.#shelf.remove(description);
    const gone = { isHere: false, accessedAtMs: description.storedAtMs };
    await this.#index.note(recordOf(description, this.#options.clock.now(), gone));
    return true;
  }

  async age(wish: AgeWish = {}): Promise<Aged> {
    this.#throwIfClosed();
    return this.#ager.age(wish);
  }

  async verify(wish: VerifyWish = {}): Promise<Verified> {
    this.#throwIfClosed();
    const { clock, random } = this.#options;
    const parts = { layout: this.#layout, shelf: this.#shelf, sharer: this.#sharer };
    const isAll = wish.keys === undefined && (wish.share ?? 1) >= 1;
    await Promise.all((wish.keys ?? []).map((key) => this.#placed(key)));
    if (!isAll) await this.#knowAll();
    const verified = await verify({ ...parts, index: this.#index, clock, random }, wish);
    if (isAll) await sweepContents(parts, wish.signal ?? null);
    if (isAll)
      await rebuildIndex({ ...parts, index: this.#index }, clock.now(), wish.signal ?? null);
    return verified;
  }

  async watch(key: string, signal: AbortSignal, owner?: string): Promise<EntryView> {
    const { hash } = entryName(key, owner);
    for (;;) {
      signal.throwIfAborted();
      this.#throwIfClosed();
      const found = await this.find(key, owner);
      if (found !== null) return found;
      // Looked up each time: another process may have changed the split meanwhile.
      const directory = dirname(this.#layout.stem(hash));
      await changeIn(directory, AbortSignal.any([signal, this.#ending.signal]));
    }
  }

  underWay(): readonly Progress[] {
    return this.#keeper.underWay();
  }

  async close(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort(datastoreErrors.create('DATA_CLOSED'));
    clearInterval(this.#timer);
    await this.#keeper.close();
    await this.#fetcher.close();
    await Promise.all([this.#hasher.close(), this.#lateMd5.close()]);
    await this.#ager.close();
    await this.#rebuilding?.catch(() => {});
    await this.#sampling;
    await this.#index.close().catch(() => {}); // a copy of the truth
    await this.#sharer.close();
  }

  /** A store that has files and no index is read once; in it everything can be served meanwhile. */
  async #knowAll(): Promise<void> {
    this.#rebuilding ??= this.#rebuildIfMissing().catch((error) => {
      this.#rebuilding = null;
      throw error;
    });
    await this.#rebuilding;
  }

  async #rebuildIfMissing(): Promise<void> {
    if (!(await this.#index.isMissing())) return;
    const parts = { layout: this.#layout, shelf: this.#shelf, index: this.#index };
    await rebuildIndex(parts, this.#options.clock.now(), this.#ending.signal);
  }

  /** What a disk has damaged is to be found before somebody needs it. */
  #sample(): void {
    const { recheckMs = 0 } = this.#options;
    if (recheckMs === 0) return;
    const wish = { share: Math.min(1, SAMPLE_MS / recheckMs), signal: this.#ending.signal };
    // Damage is told of by its events; a store that cannot be read is told of by whoever needs it.
    this.#sampling = this.#sampling
      .then(() => this.verify(wish))
      .then(
        () => {},
        () => {},
      );
  }

  async #viewOf(description: Description): Promise<EntryView> {
    const { file: _file, policy: _policy, via: _via, ...view } = description;
    const path = `${this.#layout.stem(description.hash)}.dat`;
    return { ...view, path, pins: await this.#pins.of(description.hash) };
  }

  /** What was given away early is an entry for everybody else once it has its place. */
  async #placed(key: string, owner?: string): Promise<EntryName> {
    const name = entryName(key, owner);
    await this.#keeper.placed(name);
    return name;
  }

  #throwIfClosed(): void {
    this.#ending.signal.throwIfAborted();
  }

  async #orFailure<T>(key: string, asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      throw storeFailure(error, key, this.directory);
    }
  }
}
