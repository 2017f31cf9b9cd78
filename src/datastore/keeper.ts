/**
 * One key's way into a request's hands: is it here, may it be used without a question, else fetch it
 * or ask for it once for all who wait, and hold the very version that came of it.
 */
import { rename } from 'node:fs/promises';
import { type Clock, WindrowError } from '#base';
import type { Description } from './disk/description.ts';
import { identityOf, removeFile, sameIdentity } from './disk/files.ts';
import { type EntryName, loginOf, withoutLogin } from './disk/key.ts';
import type { Layout } from './disk/layout.ts';
import type { Pins } from './disk/pins.ts';
import type { Grip, Sharer } from './disk/sharer.ts';
import type { Draft, Shelf, Undescribed } from './disk/shelf.ts';
import { datastoreErrors } from './errors.ts';
import { checkDigests } from './fetch/checks.ts';
import { takeClaim } from './fetch/claims.ts';
import { type FetchCounts, type Fetched, type Fetcher, storeFailure } from './fetch/fetcher.ts';
import { type FlightControls, Flights } from './fetch/flights.ts';
import { isFresh, mayBeStale, policyOf, revalidated } from './http/freshness.ts';
import type { EntryIndex } from './index/entry-index.ts';
import { recordOf } from './index/rebuild.ts';
import type { EnsureRequest, Held, Progress, StoreEvent, Way } from './port.ts';

/** How long something is believed that came by a protocol without rules for it. */
const FRESH_WITHOUT_RULES_MS = 600_000;
/** Somebody who has a copy that would do does not wait through all tries. */
const TRIES_WITH_COPY = 2;
/** An entry may be aged or spoilt between being there and being held; but not for ever. */
const MOST_ROUNDS = 4;

export interface KeeperParts {
  readonly layout: Layout;
  readonly shelf: Shelf;
  readonly sharer: Sharer;
  readonly pins: Pins;
  readonly index: EntryIndex;
  readonly fetcher: Fetcher;
  readonly clock: Clock;
  readonly tries: number;
  /** Makes room; true when some became free. */
  makeRoom(): Promise<boolean>;
  onEvent(event: StoreEvent): void;
}

/** What a transfer came to, for all who waited for it. */
type Outcome =
  | { readonly kind: 'stored'; readonly description: Description; readonly way: Way }
  /** Brought by another process: look again. */
  | { readonly kind: 'came' }
  /** May not be kept: for the one who asked first, and nobody else. */
  | {
      readonly kind: 'passing';
      readonly draft: Draft;
      readonly way: Way;
      readonly mediaType: string | null;
    };

/** A version that is held, with its description. */
export interface Kept {
  readonly description: Description;
  readonly grip: Grip;
}

export class Keeper {
  readonly #parts: KeeperParts;
  readonly #flights: Flights<Outcome>;
  #passed = 0;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#flights = new Flights(() => parts.clock.monotonic());
  }

  underWay(): Progress[] {
    return this.#flights.underWay();
  }

  async close(): Promise<void> {
    await this.#flights.close(datastoreErrors.create('DATA_CLOSED'));
  }

  async ensure(name: EntryName, request: EnsureRequest): Promise<Held> {
    const pinned = await this.#pinnedVersion(name, request);
    if (pinned !== null && 'held' in pinned) return pinned.held;
    // The pinned bytes are lost: only the same ones will do.
    const wanted = pinned === null ? request : { ...request, ...pinned.wanted };
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const held = (await this.#hit(name, wanted)) ?? (await this.#fetch(name, wanted));
      if (held !== null) return held;
    }
    throw datastoreErrors.create('DATA_FETCH_FAILED', {
      key: name.key,
      tries: MOST_ROUNDS,
      reason: 'it was removed or damaged as soon as it was here',
    });
  }

  /** Holds what is here of a key, whole; null when nothing is. */
  async hold(name: EntryName): Promise<Held | null> {
    const kept = await this.#keep(name);
    return kept === null ? null : this.#heldOf(kept, HIT);
  }

  /** As `hold`, of somebody who only looks: it is no use that keeps an entry from ageing. */
  look(name: EntryName): Promise<Kept | null> {
    return this.#keep(name);
  }

  async #pinnedVersion(
    name: EntryName,
    { mode, pin }: EnsureRequest,
  ): Promise<{ held: Held } | { wanted: Partial<EnsureRequest> } | null> {
    const { pins, sharer } = this.#parts;
    if (mode !== 'pin' || pin === undefined) return null;
    const description = await pins.find(pin, name.hash);
    if (description === null) return null;
    const path = sharer.newHold(name.hash);
    if (await pins.take(pin, description, path)) {
      const grip = await sharer.adopt(path, heldBytes(description));
      return { held: await this.#heldOf({ description, grip }, HIT) };
    }
    this.#parts.onEvent({
      kind: 'corrupt',
      key: name.key,
      reason: `the bytes of pin ${pin} changed`,
    });
    await pins.remove(pin, name.hash);
    return { wanted: { mode: 'immutable', digests: { sha256: description.sha256 } } };
  }

  /** Holds what is here if it is what is asked for and needs no question. */
  async #hit(name: EntryName, request: EnsureRequest): Promise<Held | null> {
    const kept = await this.#keep(name);
    if (kept !== null) {
      const isRight = isWanted(kept.description, request);
      if (isRight && this.#needsNoQuestion(kept.description, request)) {
        return this.#give(kept, HIT, request);
      }
      await kept.grip.release();
      if (isRight) return null;
    }
    const same = await this.#keepSame(name, request);
    return same && this.#give(same, { ...HIT, how: 'same' }, request);
  }

  async #keep(name: EntryName): Promise<Kept | null> {
    const { shelf, sharer } = this.#parts;
    const description = await shelf.describe(name);
    if (description === null) return null;
    const shared = sharer.share(heldBytes(description));
    if (shared !== null) {
      // A program may have written to it since.
      if (sameIdentity(await identityOf(shared.path), description.file)) {
        return { description, grip: shared };
      }
      await shared.release();
      sharer.disown(heldBytes(description));
    }
    const path = sharer.newHold(name.hash);
    if (!(await shelf.take(description, path))) return null;
    return { description, grip: await sharer.adopt(path, heldBytes(description)) };
  }

  /** The bytes lie here under another key, and the request says which ones it wants. */
  async #keepSame(name: EntryName, request: EnsureRequest): Promise<Kept | null> {
    const sha256 = request.digests?.sha256?.toLowerCase();
    if (sha256 === undefined) return null;
    const { layout, shelf } = this.#parts;
    const path = layout.aside('parts', 'same');
    const draft = await shelf.takeContent(sha256, path);
    if (draft === null) return null;
    return this.#store(name, draft, this.#undescribed('same content', 'direct'));
  }

  #needsNoQuestion(description: Description, request: EnsureRequest): boolean {
    const nowMs = this.#parts.clock.now();
    if (request.mode === 'immutable' || request.digests?.sha256 !== undefined) return true;
    if (isFresh(description.policy, nowMs)) return true;
    const { etag, lastModified } = description.validators;
    const canBeAsked = description.policy !== null || etag !== null || lastModified !== null;
    return !canBeAsked && nowMs - description.validatedAtMs < FRESH_WITHOUT_RULES_MS;
  }

  /** Null: another process brought it, or it is gone again. */
  async #fetch(name: EntryName, request: EnsureRequest): Promise<Held | null> {
    const flight = { id: flightId(name, request), hash: name.hash, key: name.key };
    const { signal, onProgress } = request;
    try {
      const waiter = { signal, onProgress };
      const fly = (controls: FlightControls) => this.#fly(name, request, controls);
      let { outcome, isOwn } = await this.#flights.join(flight, waiter, fly);
      if (outcome.kind === 'passing' && !isOwn) {
        // What may not be kept may not be shared either: each one asks by itself, one after the other.
        const id = `${flight.id} ${this.#passed++}`;
        ({ outcome, isOwn } = await this.#flights.join({ ...flight, id }, waiter, fly));
      }
      if (outcome.kind === 'came') return null;
      if (outcome.kind === 'passing') return this.#passing(name, outcome);
      const { description, way } = outcome;
      const kept = await this.#keepVersion(description);
      return (
        kept && this.#give(kept, isOwn ? way : { ...way, how: 'joined', movedBytes: 0 }, request)
      );
    } catch (error) {
      const stale = await this.#stale(name, request, error);
      if (stale !== null) return stale;
      throw error;
    }
  }

  async #keepVersion(description: Description): Promise<Kept | null> {
    const { shelf, sharer } = this.#parts;
    const shared = sharer.share(heldBytes(description));
    if (shared !== null) return { description, grip: shared };
    const path = sharer.newHold(description.hash);
    if (!(await shelf.take(description, path))) return null;
    return { description, grip: await sharer.adopt(path, heldBytes(description)) };
  }

  /** The origin cannot be asked, and whoever asks would rather have what is here. */
  async #stale(name: EntryName, request: EnsureRequest, error: unknown): Promise<Held | null> {
    const isOutage = error instanceof WindrowError && error.code === 'DATA_FETCH_FAILED';
    if (request.staleAllowed !== true || !isOutage) return null;
    const kept = await this.#keep(name);
    if (kept === null) return null;
    if (!isWanted(kept.description, request) || !mayBeStale(kept.description.policy)) {
      await kept.grip.release();
      return null;
    }
    this.#parts.onEvent({ kind: 'stale', key: name.key, reason: error.message });
    return this.#give(kept, { ...HIT, how: 'stale' }, request);
  }

  async #fly(name: EntryName, request: EnsureRequest, controls: FlightControls): Promise<Outcome> {
    const { layout, sharer, fetcher, clock } = this.#parts;
    const claim = await takeClaim({
      folder: layout.folder('claims'),
      hash: name.hash,
      sharer: sharer.id,
      partOf: (id) => fetcher.partPath(name.hash, id),
      entryPath: `${layout.stem(name.hash)}.key`,
      clock,
      ...controls,
    });
    if (claim.kind === 'came') return { kind: 'came' };
    try {
      return await this.#bringInto(name, request, controls);
    } finally {
      claim.release();
    }
  }

  /** When the disk is full, what was not used for the longest makes room, as often as that helps. */
  async #bringInto(
    name: EntryName,
    request: EnsureRequest,
    controls: FlightControls,
  ): Promise<Outcome> {
    for (;;) {
      try {
        return await this.#bring(name, request, controls);
      } catch (error) {
        const failure = storeFailure(error, name.key, this.#parts.layout.directory);
        const isFull = failure instanceof WindrowError && failure.code === 'DATA_DISK_FULL';
        if (!isFull || !(await this.#parts.makeRoom())) throw failure;
      }
    }
  }

  async #bring(
    name: EntryName,
    request: EnsureRequest,
    controls: FlightControls,
  ): Promise<Outcome> {
    const { fetcher, tries } = this.#parts;
    // Held meanwhile, so that a "not modified" is an answer about bytes that are here.
    const known = await this.#keep(name);
    try {
      const before = known !== null && isWanted(known.description, request) ? known : null;
      const hasCopy = before !== null && request.staleAllowed === true;
      const sources = request.sources ?? [request.key];
      const order = {
        name,
        sources,
        login: loginOf(sources[0] ?? ''),
        known: before?.description.validators ?? null,
        digests: request.digests ?? {},
        hasDigestBeside: request.hasDigestBeside ?? false,
        bytes: request.bytes ?? null,
        mostBytes: request.mostBytes ?? Number.MAX_SAFE_INTEGER,
        tries: hasCopy ? Math.min(tries, TRIES_WITH_COPY) : tries,
        ...controls,
      };
      const fetched = await fetcher.bring(order);
      if (fetched.kind === 'draft') return await this.#brought(name, fetched);
      const same = before && (await this.#unchanged(before.description, fetched));
      if (same) return same;
      const anew = await fetcher.bring({ ...order, known: null });
      if (anew.kind === 'draft') return await this.#brought(name, anew);
      const reason = 'the origin says "not modified" to a question that it was not asked';
      throw datastoreErrors.create('DATA_FETCH_FAILED', { key: name.key, tries: 2, reason });
    } finally {
      await known?.grip.release();
    }
  }

  async #brought(name: EntryName, fetched: Extract<Fetched, { kind: 'draft' }>): Promise<Outcome> {
    const { clock, sharer } = this.#parts;
    const { draft, headers, via, source } = fetched;
    const { validators, mediaType, status, isPrivate } = fetched;
    const nowMs = clock.now();
    const policy = headers === null ? null : policyOf(headers, nowMs);
    const way = wayOf('fetched', fetched);
    const hasRules = headers !== null && Object.keys(headers).length > 0;
    if (policy === null && hasRules) {
      const path = sharer.newPassing();
      await rename(draft.path, path);
      return { kind: 'passing', draft: { ...draft, path }, way, mediaType: fetched.mediaType };
    }
    const what = {
      ...this.#undescribed(source, via),
      validators,
      mediaType,
      status,
      policy,
      isPrivate,
    };
    const { description, grip } = await this.#store(name, draft, what);
    await grip.release();
    return { kind: 'stored', description, way };
  }

  /** Null: it was about another version than the one that is here. */
  async #unchanged(description: Description, fetched: Fetched): Promise<Outcome | null> {
    const nowMs = this.#parts.clock.now();
    const policy =
      fetched.headers === null ? null : revalidated(description.policy, fetched.headers, nowMs);
    if (policy === null && fetched.headers !== null) return null;
    const next = { ...description, policy, validatedAtMs: nowMs };
    await this.#parts.shelf.redescribe(next, description);
    return { kind: 'stored', description: next, way: wayOf('revalidated', fetched) };
  }

  #undescribed(source: string, via: string): Undescribed {
    const nowMs = this.#parts.clock.now();
    return {
      mediaType: null,
      validators: { etag: null, lastModified: null, date: null },
      status: 0,
      source,
      via,
      storedAtMs: nowMs,
      verifiedAtMs: nowMs,
      validatedAtMs: nowMs,
      policy: null,
      isPrivate: false,
    };
  }

  /** Gives a draft its place in the store, and holds it. */
  async #store(name: EntryName, draft: Draft, what: Undescribed): Promise<Kept> {
    const { shelf, sharer, index } = this.#parts;
    const path = sharer.newHold(name.hash);
    try {
      const nowMs = what.storedAtMs;
      const { sha256, bytes } = draft;
      // Before it is there: a crash leaves the index with an entry too many, never with one too few.
      const record = { ...name, sha256, bytes, storedAtMs: nowMs, accessedAtMs: nowMs };
      await index.note({ ...record, atMs: nowMs, isHere: true });
      const description = await shelf.commit(name, draft, what, path);
      this.#parts.onEvent({ kind: 'stored', key: name.key, bytes, via: what.via });
      return { description, grip: await sharer.adopt(path, heldBytes(description)) };
    } catch (error) {
      await removeFile(draft.path).catch(() => {});
      await removeFile(path).catch(() => {});
      throw error;
    }
  }

  /** For bytes that do not come by a transport. */
  async put(
    name: EntryName,
    draft: Draft,
    more: { readonly mediaType: string | null; readonly source: string },
  ): Promise<Description> {
    const what = { ...this.#undescribed(more.source, 'put'), mediaType: more.mediaType };
    const { description, grip } = await this.#store(name, draft, what);
    await grip.release();
    return description;
  }

  /** Of bytes that lie here, by their digest. */
  async holdContent(sha256: string): Promise<Held | null> {
    const { shelf, sharer } = this.#parts;
    const path = sharer.newHold(sha256);
    const draft = await shelf.takeContent(sha256, path);
    const file = draft && (await identityOf(path));
    if (!draft || !file) return null;
    const bytes = { hash: sha256, sha256, modifiedNs: file.modifiedNs };
    const grip = await sharer.adopt(path, bytes);
    return {
      key: `sha256:${sha256}`,
      path: grip.path,
      bytes: draft.bytes,
      sha256,
      md5: draft.md5,
      mediaType: null,
      way: HIT,
      isPassing: false,
      release: grip.release,
    };
  }

  #passing(name: EntryName, outcome: Extract<Outcome, { kind: 'passing' }>): Held {
    const { draft, way, mediaType } = outcome;
    const { bytes, sha256, md5, path } = draft;
    const release = () => removeFile(path).catch(() => {});
    return { key: name.key, path, bytes, sha256, md5, mediaType, way, isPassing: true, release };
  }

  /** Everything that is done with what will be given away: checks, pin, mode, last access. */
  async #give(kept: Kept, way: Way, request: EnsureRequest): Promise<Held> {
    const { description, grip } = kept;
    try {
      const { bytes, sha256, md5 } = description;
      const expected = { digests: request.digests ?? {}, said: 'the request says' };
      await checkDigests(description.key, { path: grip.path, bytes, sha256, md5 }, [expected]);
      if (request.pin !== undefined) {
        await this.#parts.pins.add(request.pin, description, grip.path);
      }
      if (request.executable === true) await this.#parts.shelf.makeExecutable(grip.path);
      return await this.#heldOf(kept, way);
    } catch (error) {
      await grip.release();
      throw error;
    }
  }

  async #heldOf({ description, grip }: Kept, way: Way): Promise<Held> {
    const nowMs = this.#parts.clock.now();
    const seen = { isHere: true, accessedAtMs: nowMs };
    this.#parts.index.touch(recordOf(description, nowMs, seen));
    const { key, bytes, sha256, md5, mediaType } = description;
    const { path, release } = grip;
    return { key, path, bytes, sha256, md5, mediaType, way, isPassing: false, release };
  }
}

const HIT: Way = {
  how: 'hit',
  via: '',
  source: '',
  movedBytes: 0,
  restarts: 0,
  resumes: 0,
  tries: 0,
};

function wayOf(how: Way['how'], fetched: Fetched): Way {
  const { via, source } = fetched;
  const counts: FetchCounts = fetched.counts;
  return { how, via, source: withoutLogin(source), ...counts };
}

function heldBytes({ hash, sha256, file }: Description) {
  return { hash, sha256, modifiedNs: file.modifiedNs };
}

/** As far as it can be told without reading the bytes. */
function isWanted({ sha256, md5, bytes }: Description, request: EnsureRequest): boolean {
  const { digests } = request;
  const is = (wanted: string | undefined, found: string) =>
    (wanted?.toLowerCase() ?? found) === found;
  const isSize = (request.bytes ?? bytes) === bytes;
  return isSize && is(digests?.sha256, sha256) && is(digests?.md5, md5);
}

/** Requests that one transfer can serve have the same. */
function flightId({ hash }: EntryName, request: EnsureRequest): string {
  const { sources, digests, bytes, hasDigestBeside, mostBytes, staleAllowed } = request;
  return JSON.stringify([hash, sources, digests, bytes, hasDigestBeside, mostBytes, staleAllowed]);
}
