/** Giving bytes their place in the store: brought ones, ones that are put, ones that another key has. */
import { type Clock, formatBytes } from '#base';
import type { Description } from './disk/description.ts';
import { linkOrCopy, removeFile } from './disk/files.ts';
import type { EntryName } from './disk/key.ts';
import type { Layout } from './disk/layout.ts';
import type { Sharer } from './disk/sharer.ts';
import type { Draft, Shelf, Undescribed } from './disk/shelf.ts';
import { datastoreErrors } from './errors.ts';
import { checkDigests } from './fetch/checks.ts';
import type { Part } from './fetch/part.ts';
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
  onEvent(event: StoreEvent): void;
}

/** Gives a draft its place in the store, and holds it. */
export async function store(
  parts: StoringParts,
  name: EntryName,
  draft: Draft,
  what: Undescribed,
): Promise<Kept> {
  const { shelf, sharer, index } = parts;
  const path = sharer.newHold(name.hash);
  try {
    const nowMs = what.storedAtMs;
    const { sha256, bytes } = draft;
    // Before it is there: a crash leaves the index with an entry too many, never with one too few.
    const record = { ...name, sha256, bytes, storedAtMs: nowMs, accessedAtMs: nowMs };
    await index.note({ ...record, atMs: nowMs, isHere: true });
    const description = await shelf.commit(name, draft, what, path);
    if (description.md5 === null) parts.lateMd5.add(name);
    parts.onEvent({ kind: 'stored', key: name.key, bytes, via: what.via });
    return { description, grip: await sharer.adopt(path, heldBytes(description)) };
  } catch (error) {
    await removeFile(draft.path).catch(() => {});
    await removeFile(path).catch(() => {});
    throw error;
  }
}

/**
 * Takes the bytes of `source`, and they are what the request says. Rejects with DATA_TOO_LARGE,
 * DATA_DIGEST_WRONG, or with what the source or the file system said; the part is the caller's then.
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
    throw datastoreErrors.create('DATA_DIGEST_WRONG', { ...facts, said: 'the request says' });
  }
  const expected = { digests: request.digests ?? {}, said: 'the request says' };
  await checkDigests(key, draft, [expected]);
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
