/** Holding what lies here, by its entry, its version or its digest, and what is done before it is given away. */
import type { Clock } from '#base';
import type { Description } from './disk/description.ts';
import { identityOf, sameIdentity } from './disk/files.ts';
import type { Hasher } from './disk/hasher.ts';
import type { EntryName } from './disk/key.ts';
import type { Pins } from './disk/pins.ts';
import type { Grip, Sharer } from './disk/sharer.ts';
import type { Shelf } from './disk/shelf.ts';
import { checkDigests } from './fetch/checks.ts';
import type { EntryIndex } from './index/entry-index.ts';
import { recordOf } from './index/rebuild.ts';
import type { EnsureRequest, Held, Way } from './port.ts';

export interface HoldingParts {
  readonly shelf: Shelf;
  readonly sharer: Sharer;
  readonly pins: Pins;
  readonly index: EntryIndex;
  readonly hasher: Hasher;
  readonly clock: Clock;
}

/** A version that is held, with its description. */
export interface Kept {
  readonly description: Description;
  readonly grip: Grip;
}

/** The way of what was here. */
export const HIT: Way = {
  how: 'hit',
  via: '',
  source: '',
  movedBytes: 0,
  restarts: 0,
  resumes: 0,
  tries: 0,
};

/** Holds what is here of a key, if it is whole. */
export async function keep(parts: HoldingParts, name: EntryName): Promise<Kept | null> {
  const { shelf, sharer } = parts;
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

/** As `keep`, with what a request must know of it to judge it. */
export async function keepFor(
  parts: HoldingParts,
  name: EntryName,
  { digests }: Pick<EnsureRequest, 'digests'>,
): Promise<Kept | null> {
  const kept = await keep(parts, name);
  return kept === null || digests?.md5 === undefined ? kept : await withMd5(parts, kept);
}

/** Makes the MD5 if it is not known yet; the grip is given back where that fails. */
export async function withMd5(
  { shelf, hasher }: HoldingParts,
  { description, grip }: Kept,
): Promise<Kept & { readonly description: { readonly md5: string } }> {
  try {
    const known = description.md5;
    const md5 = known ?? (await hasher.md5Of(grip.path, description.bytes));
    if (known === null) await shelf.noteMd5(description, md5);
    return { description: { ...description, md5 }, grip };
  } catch (error) {
    await grip.release();
    throw error;
  }
}

/** Holds that very version; null when it is gone again. */
export async function keepVersion(
  parts: HoldingParts,
  description: Description,
): Promise<Kept | null> {
  const { shelf, sharer } = parts;
  const shared = sharer.share(heldBytes(description));
  if (shared !== null) return { description, grip: shared };
  const path = sharer.newHold(description.hash);
  if (!(await shelf.take(description, path))) return null;
  return { description, grip: await sharer.adopt(path, heldBytes(description)) };
}

/** Of bytes that lie here, by their digest. */
export async function holdContent(parts: HoldingParts, sha256: string): Promise<Held | null> {
  const { shelf, sharer } = parts;
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

/** Everything that is done with what will be given away: checks, pin, mode, last access. */
export async function give(
  parts: HoldingParts,
  kept: Kept,
  way: Way,
  request: EnsureRequest,
): Promise<Held> {
  const { description, grip } = kept;
  try {
    const { bytes, sha256, md5 } = description;
    const expected = { digests: request.digests ?? {}, said: 'the request says' };
    await checkDigests(description.key, { path: grip.path, bytes, sha256, md5 }, [expected]);
    if (request.pin !== undefined) {
      await parts.pins.add(request.pin, description, grip.path);
    }
    if (request.executable === true) await parts.shelf.makeExecutable(grip.path);
    return await heldOf(parts, kept, way);
  } catch (error) {
    await grip.release();
    throw error;
  }
}

/** Counts as a use of the entry, which keeps it from ageing. */
export async function heldOf(
  parts: HoldingParts,
  { description, grip }: Kept,
  way: Way,
): Promise<Held> {
  const nowMs = parts.clock.now();
  const seen = { isHere: true, accessedAtMs: nowMs };
  parts.index.touch(recordOf(description, nowMs, seen));
  const { key, bytes, sha256, md5, mediaType } = description;
  const { path, release } = grip;
  return { key, path, bytes, sha256, md5, mediaType, way, isPassing: false, release };
}

export function heldBytes({ hash, sha256, file }: Description) {
  return { hash, sha256, modifiedNs: file.modifiedNs };
}
