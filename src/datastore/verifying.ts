/** Reading stored bytes again: what changed on the disk is set aside, told of, and fetched anew. */
import type { Clock } from '#base';
import { descriptionOf, rowsHere } from './ageing.ts';
import type { Description } from './disk/description.ts';
import { digestsOf } from './disk/digest-file.ts';
import { removeFile } from './disk/files.ts';
import { entryName } from './disk/key.ts';
import type { Layout } from './disk/layout.ts';
import type { Sharer } from './disk/sharer.ts';
import type { Shelf } from './disk/shelf.ts';
import type { EntryIndex } from './index/entry-index.ts';
import type { EntryTable } from './index/entry-table.ts';
import { descriptionsIn, recordOf } from './index/rebuild.ts';
import type { Verdict, Verified, VerifyWish } from './port.ts';

export interface VerifyParts {
  readonly layout: Layout;
  readonly shelf: Shelf;
  readonly sharer: Sharer;
  readonly index: EntryIndex;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Entries one after the other; the disk is others' too. */
export async function verify(parts: VerifyParts, wish: VerifyWish): Promise<Verified> {
  const verified = { good: 0, corrupt: 0, missing: 0, bytes: 0 };
  const onGarbage = () => {
    verified.corrupt++;
  };
  for await (const { key, description } of wanted(parts, wish, onGarbage)) {
    wish.signal?.throwIfAborted();
    const verdict = description === null ? 'missing' : await verifyEntry(parts, description);
    if (verdict !== 'changed') verified[verdict]++;
    if (verdict === 'good') verified.bytes += description?.bytes ?? 0;
    await wish.onEntry?.(key, verdict);
    if (verdict === 'corrupt' && description !== null) {
      for await (const twin of twinsOf(parts, description)) {
        if ((await verifyEntry(parts, twin)) !== 'corrupt') continue;
        verified.corrupt++;
        await wish.onEntry?.(twin.key, 'corrupt');
      }
    }
  }
  return verified;
}

/** Other keys whose bytes are the same file, damaged with it. */
async function* twinsOf(
  { index, layout }: VerifyParts,
  { hash, sha256 }: Description,
): AsyncGenerator<Description> {
  const table = await index.load();
  const row = table.rowOf(hash);
  if (row < 0) return;
  for (const other of rowsHere(table)) {
    if (other === row || table.contents[other] !== table.contents[row]) continue;
    const twin = await descriptionOf(layout, table.hashOf(other));
    if (twin?.sha256 === sha256) yield twin;
  }
}

async function* wanted(
  { layout, shelf, index, clock, random }: VerifyParts,
  { keys, share = 1, signal }: VerifyWish,
  onGarbage: () => void,
): AsyncGenerator<{ readonly key: string; readonly description: Description | null }> {
  if (keys !== undefined) {
    for (const key of keys) {
      const name = entryName(key);
      yield { key: name.key, description: await shelf.describe(name) };
    }
    return;
  }
  if (share < 1) {
    yield* sampleOf(await index.load(), layout, () => random() < share);
    return;
  }
  const walk = { nowMs: clock.now(), signal: signal ?? null, onGarbage };
  for await (const description of descriptionsIn(layout, shelf, walk)) {
    yield { key: description.key, description };
  }
}

/** By what the index knows: a sample of a million is not worth reading a million descriptions. */
async function* sampleOf(
  table: EntryTable,
  layout: Layout,
  isChosen: () => boolean,
): AsyncGenerator<{ readonly key: string; readonly description: Description }> {
  for (const row of rowsHere(table)) {
    if (!isChosen()) continue;
    const description = await descriptionOf(layout, table.hashOf(row));
    // Not there: it was removed meanwhile, or a crash left a record too many.
    if (description !== null) yield { key: description.key, description };
  }
}

/** Reads the bytes by a name of its own, so that nothing that happens to the entry matters. */
async function verifyEntry(parts: VerifyParts, description: Description): Promise<Verdict> {
  const { shelf, sharer, index, clock } = parts;
  const path = sharer.newHold(description.hash);
  try {
    // Where the time of change tells already, `take` reads the bytes by itself and sets them aside.
    const isThere = await shelf.take(description, path);
    // As all is read anyway, the MD5 is made where it is not known yet.
    const names = description.md5 === null ? ['sha256', 'md5'] : ['sha256'];
    const { sha256: found = null, md5 = description.md5 } = isThere
      ? (await digestsOf(path, names)).digests
      : {};
    if (found === description.sha256) {
      await shelf.redescribe({ ...description, md5, verifiedAtMs: clock.now() }, description);
      return 'good';
    }
    const now = await shelf.describe(description);
    const isSame = now !== null && now.storedAtMs === description.storedAtMs;
    if (now !== null && !isSame) return 'changed';
    if (found !== null) await shelf.setAside(description, `its SHA-256 is ${found}`);
    const gone = { isHere: false, accessedAtMs: description.storedAtMs };
    await index.note(recordOf(description, clock.now(), gone));
    return 'corrupt';
  } finally {
    await removeFile(path);
  }
}
