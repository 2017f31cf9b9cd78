/**
 * One key's way into a request's hands: is it here, may it be used without a question, else fetch it
 * or ask for it once for all who wait, and hold the very version that came of it.
 */
import { WindrowError } from '#base';
import { type BringingParts, bringEntry, type Outcome } from './bringing.ts';
import type { Description } from './disk/description.ts';
import { removeFile } from './disk/files.ts';
import type { EntryName } from './disk/key.ts';
import type { Draft } from './disk/shelf.ts';
import { datastoreErrors } from './errors.ts';
import { type FlightControls, Flights } from './fetch/flights.ts';
import {
  give,
  HIT,
  heldBytes,
  heldOf,
  holdContent,
  type Kept,
  keep,
  keepFor,
  keepVersion,
  withMd5,
} from './holding.ts';
import { mayBeStale } from './http/freshness.ts';
import type { EnsureRequest, Held, Progress } from './port.ts';
import { put, storeSame } from './storing.ts';
import { isWanted, needsNoQuestion } from './wanted.ts';

/** An entry may be aged or spoilt between being there and being held; but not for ever. */
const MOST_ROUNDS = 4;

export class Keeper {
  readonly #parts: BringingParts;
  readonly #flights: Flights<Outcome>;
  #passed = 0;

  constructor(parts: BringingParts) {
    this.#parts = parts;
    this.#flights = new Flights(() => parts.clock.monotonic());
  }

  underWay(): Progress[] {
    return this.#flights.underWay();
  }

  /** Resolves when what of this key was given away early has its place. */
  placed({ hash }: EntryName): Promise<void> {
    return this.#flights.ended(hash);
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
    const kept = await keep(this.#parts, name);
    return kept === null ? null : heldOf(this.#parts, kept, HIT);
  }

  /** As `hold`, of somebody who only looks: it is no use that keeps an entry from ageing. */
  look(name: EntryName): Promise<Kept | null> {
    return keep(this.#parts, name);
  }

  /** What is known of what is here, the MD5 with it; looking is no use either. */
  async inspect(name: EntryName): Promise<(Description & { readonly md5: string }) | null> {
    const kept = await keep(this.#parts, name);
    if (kept === null) return null;
    const { description, grip } = await withMd5(this.#parts, kept);
    await grip.release();
    return description;
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
      return { held: await heldOf(this.#parts, { description, grip }, HIT) };
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
    const kept = await keepFor(this.#parts, name, request);
    if (kept !== null) {
      const isRight = isWanted(kept.description, request);
      if (isRight && needsNoQuestion(kept.description, request, this.#parts.clock.now())) {
        return give(this.#parts, kept, HIT, request);
      }
      await kept.grip.release();
      if (isRight) return null;
    }
    const same = await storeSame(this.#parts, name, request);
    return same && give(this.#parts, same, { ...HIT, how: 'same' }, request);
  }

  /** Null: another process brought it, or it is gone again. */
  async #fetch(name: EntryName, request: EnsureRequest): Promise<Held | null> {
    const flight = { id: flightId(name, request), hash: name.hash, key: name.key };
    const { signal, onProgress } = request;
    try {
      // A pin is a promise, and keeps what has its place.
      const isEarly = request.isEarly === true && request.pin === undefined;
      const waiter = { signal, onProgress, isEarly };
      const fly = (controls: FlightControls<Outcome>) =>
        bringEntry(this.#parts, name, request, controls);
      let { outcome, isOwn } = await this.#flights.join(flight, waiter, fly);
      if (outcome.kind === 'passing' && !isOwn) {
        // What may not be kept may not be shared either: each one asks by itself, one after the other.
        const id = `${flight.id} ${this.#passed++}`;
        ({ outcome, isOwn } = await this.#flights.join({ ...flight, id }, waiter, fly));
      }
      if (outcome.kind === 'came') return null;
      if (outcome.kind === 'passing') return passingOf(name, outcome);
      const { description, way } = outcome;
      const kept = await keepVersion(this.#parts, description);
      return (
        kept &&
        give(this.#parts, kept, isOwn ? way : { ...way, how: 'joined', movedBytes: 0 }, request)
      );
    } catch (error) {
      const stale = await this.#stale(name, request, error);
      if (stale !== null) return stale;
      throw error;
    }
  }

  /** The origin cannot be asked, and whoever asks would rather have what is here. */
  async #stale(name: EntryName, request: EnsureRequest, error: unknown): Promise<Held | null> {
    const isOutage = error instanceof WindrowError && error.code === 'DATA_FETCH_FAILED';
    if (request.staleAllowed !== true || !isOutage) return null;
    const kept = await keepFor(this.#parts, name, request);
    if (kept === null) return null;
    if (!isWanted(kept.description, request) || !mayBeStale(kept.description.policy)) {
      await kept.grip.release();
      return null;
    }
    this.#parts.onEvent({ kind: 'stale', key: name.key, reason: error.message });
    return give(this.#parts, kept, { ...HIT, how: 'stale' }, request);
  }

  put(
    name: EntryName,
    draft: Draft,
    more: { readonly mediaType: string | null; readonly source: string },
  ): Promise<Description> {
    return put(this.#parts, name, draft, more);
  }

  holdContent(sha256: string): Promise<Held | null> {
    return holdContent(this.#parts, sha256);
  }
}

function passingOf(name: EntryName, outcome: Extract<Outcome, { kind: 'passing' }>): Held {
  const { draft, way, mediaType } = outcome;
  const { bytes, sha256, md5, path } = draft;
  const release = () => removeFile(path).catch(() => {});
  return { key: name.key, path, bytes, sha256, md5, mediaType, way, isPassing: true, release };
}

/** Requests that one transfer can serve have the same. */
function flightId({ hash }: EntryName, request: EnsureRequest): string {
  const { sources, digests, bytes, hasDigestBeside, mostBytes, staleAllowed } = request;
  return JSON.stringify([hash, sources, digests, bytes, hasDigestBeside, mostBytes, staleAllowed]);
}
