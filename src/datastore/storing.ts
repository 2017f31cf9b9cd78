/** Giving bytes their place in the store: brought ones, ones that are put, ones that another key has. */
import { type Clock, formatBytes } from '#base';
import type { Description } from './disk/description.ts';
import { flushFile, linkOrCopy, removeFile } from './disk/files.ts';
import type { EntryName } from './disk/key.ts';
import type { Layout } from './disk/layout.ts';
import type { Grip, Sharer } from './disk/sharer.ts';
import type { Draft, Shelf, Undescribed } from './disk/shelf.ts';
import type { EarlyTurns } from './early-turns.ts';
import { datastoreErrors } from './errors.ts';
import { wrongDigest } from './fetch/checks.ts';
import { discardPart } from './fetch/left-parts.ts';
import type { Part } from './fetch/part.ts';
import { stateOf } from './fetch/part-state.ts';
import { heldBytes, type Kept } from './holding.ts';
import type { EntryIndex } from './index/entry-index.ts';
import type { LateMd5 } from './late-md5.ts';
import type { EnsureRequest, PutRequest, StoreEvent } from './port.ts';

export interface StoringParts {
  readonly layout: Layout;
  readonly shelf: Shelf;
  readonly sharer: Sharer;
  readonly index: EntryIndex;
  readonly clock: Clock;
  readonly lateMd5: LateMd5;
  readonly early: EarlyTurns;
  onEvent(event: StoreEvent): void;
}

/**
 * Gives a draft its place in the store, and holds it. Flushed first, and a part has its state until
 * then: a process that is killed meanwhile leaves what another one can go on with. `land` is told
 * what is held as soon as it may be used, if not too many are used like that already.
 */
export async function store(
  parts: StoringParts,
  name: EntryName,
  draft: Draft,
  what: Undescribed,
  land?: (description: Description) => void,
): Promise<Kept> {
  const { shelf, sharer, early } = parts;
  const path = sharer.newHold(name.hash);
  let grip: Grip | null = null;
  try {
    await shelf.seal(draft);
    const described = await shelf.describeDraft(name, draft, what);
    await linkOrCopy(draft.path, path);
    grip = await sharer.adopt(path, heldBytes(described));
    const turn = land === undefined ? null : early.enter();
    if (turn !== null) land?.(described);
    const leave = await turn;
    try {
      const description = await place(parts, name, draft, what);
      return { description, grip };
    } finally {
      leave?.();
    }
  } catch (error) {
    await discardPart(draft.path).catch(() => {});
    if (grip === null) await removeFile(path).catch(() => {});
    await grip?.release();
    throw error;
  }
}

async function place(
  { shelf, index, lateMd5, onEvent }: StoringParts,
  name: EntryName,
  draft: Draft,
  what: Undescribed,
): Promise<Description> {
  const { sha256, bytes } = draft;
  const nowMs = what.storedAtMs;
  // Before it is there: a crash leaves the index with an entry too many, never with one too few.
  const record = { ...name, sha256, bytes, storedAtMs: nowMs, accessedAtMs: nowMs };
  await Promise.all([flushFile(draft.path), index.note({ ...record, atMs: nowMs, isHere: true })]);
  await removeFile(stateOf(draft.path));
  const description = await shelf.commit(name, draft, what);
  if (description.md5 === null) lateMd5.add(name);
  onEvent({ kind: 'stored', key: name.key, bytes, via: what.via });
  return description;
}

/**
 * Takes the bytes of `source`, and they are what the request says. Rejects with DATA_TOO_LARGE,
 * DATA_PUT_WRONG, or with what the source or the file system said; the part is the caller's then.
 */
export async function draftOf(
  part: Part,
  source: AsyncIterable<Uint8Array>,
  request: PutRequest,
  key: string,
): Promise<Draft> {
  const { mostBytes = Number.MAX_SAFE_INTEGER } = request;
  for await (const block of source) {
    request.signal?.throwIfAborted();
    await part.write(block);
    if (part.bytes <= mostBytes) continue;
    throw datastoreErrors.create('DATA_TOO_LARGE', { key, limit: formatBytes(mostBytes) });
  }
  return checked(await part.finish(), request, key);
}

/** As `draftOf`, of a file that lies on this machine. */
export async function draftOfFile(
  part: Part,
  path: string,
  request: PutRequest,
  key: string,
): Promise<Draft> {
  await linkOrCopy(path, part.path);
  const draft = await part.takeOver(null);
  const { mostBytes = Number.MAX_SAFE_INTEGER } = request;
  if (draft.bytes > mostBytes) {
    throw datastoreErrors.create('DATA_TOO_LARGE', { key, limit: formatBytes(mostBytes) });
  }
  return checked(draft, request, key);
}

async function checked(draft: Draft, request: PutRequest, key: string): Promise<Draft> {
  const { bytes } = request;
  if (bytes !== undefined && bytes !== draft.bytes) {
    const facts = { key, what: 'length', found: draft.bytes, expected: bytes };
    throw datastoreErrors.create('DATA_PUT_WRONG', facts);
  }
  const wrong = await wrongDigest(draft, [{ digests: request.digests ?? {}, said: '' }]);
  if (wrong !== null) {
    const { what, found, expected } = wrong;
    throw datastoreErrors.create('DATA_PUT_WRONG', { key, what, found, expected });
  }
  return draft;
}

/** For bytes that do not come by a transport. */
export async function put(
  parts: StoringParts,
  name: EntryName,
  draft: Draft,
  more: { readonly mediaType: string | null; readonly source: string },
): Promise<Description> {
  const what = { ...undescribed(parts.clock.now(), more.source, 'put'), mediaType: more.mediaType };
  const { description, grip } = await store(parts, name, draft, what);
  await grip.release();
  return description;
}

/** The bytes lie here under another key, and the request says which ones it wants. */
export async function storeSame(
  parts: StoringParts,
  name: EntryName,
  request: EnsureRequest,
): Promise<Kept | null> {
  const sha256 = request.digests?.sha256?.toLowerCase();
  if (sha256 === undefined) return null;
  const { layout, shelf } = parts;
  const path = layout.aside('parts', 'same');
  const draft = await shelf.takeContent(sha256, path);
  if (draft === null) return null;
  return store(parts, name, draft, undescribed(parts.clock.now(), 'same content', 'direct'));
}

/** What is known of bytes of which no origin has told anything. */
export function undescribed(nowMs: number, source: string, via: string): Undescribed {
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
