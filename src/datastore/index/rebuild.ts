/** The truth, read from the files: for a store whose index is lost, and to see what no log told. */
import { join } from 'node:path';
import { type Description, MOST_DESCRIPTION_BYTES, parseDescription } from '../disk/description.ts';
import { readSmallFile, walk } from '../disk/files.ts';
import { hashOfPath, type Layout } from '../disk/layout.ts';
import type { Shelf } from '../disk/shelf.ts';
import type { EntryIndex } from './entry-index.ts';
import type { IndexRecord } from './record.ts';

export function recordOf(
  description: Description,
  atMs: number,
  more: { readonly isHere: boolean; readonly accessedAtMs: number },
): IndexRecord {
  const { hash, sha256, bytes, storedAtMs, key, owner } = description;
  return { hash, sha256, bytes, storedAtMs, key, owner, atMs, ...more };
}

/** Bytes whose description never came: whoever brought them was killed just then. */
const ORPHANED_MS = 3_600_000;

export interface WalkWish {
  readonly nowMs: number;
  readonly signal: AbortSignal | null;
  /** A description that cannot be read was set aside. */
  onGarbage?(): void;
}

/**
 * Every entry that lies below `entries/`. Those that lie by an earlier split of the store are moved
 * on the way, halves of entries that nobody will complete are cleared.
 */
export async function* descriptionsIn(
  layout: Layout,
  shelf: Shelf,
  { nowMs, signal, onGarbage = () => {} }: WalkWish,
): AsyncGenerator<Description> {
  const root = layout.folder('entries');
  for await (const { directory, files } of walk(root, signal)) {
    const names = new Set(files);
    for (const name of files) {
      const path = join(directory, name);
      const hash = hashOfPath(root, path);
      if (hash === null) continue;
      if (name.endsWith('.dat') && !names.has(name.replace(/dat$/, 'key'))) {
        await shelf.clearOrphan(path, nowMs - ORPHANED_MS);
      }
      if (!name.endsWith('.key')) continue;
      const text = await readSmallFile(path, MOST_DESCRIPTION_BYTES);
      const found = text === null ? null : parseDescription(text);
      if (text !== null && found?.hash !== hash) {
        await shelf.setGarbageAside(path);
        onGarbage();
      }
      if (found === null || found.hash !== hash) continue;
      await shelf.moveEntry(path.slice(0, -'.key'.length), hash);
      yield found;
    }
  }
}

/** Brings the index up to what lies there. Answers with how many entries do. */
export async function rebuildIndex(
  parts: { readonly layout: Layout; readonly shelf: Shelf; readonly index: EntryIndex },
  nowMs: number,
  signal: AbortSignal | null = null,
): Promise<number> {
  const { layout, shelf, index } = parts;
  const table = await index.load();
  const seen = new Uint8Array(table.rows);
  const rowsBefore = table.rows;
  let count = 0;
  for await (const description of descriptionsIn(layout, shelf, { nowMs, signal })) {
    count++;
    const row = table.rowOf(description.hash);
    if (row >= 0 && row < rowsBefore) seen[row] = 1;
    if (row >= 0 && table.here[row] === 1) continue;
    const accessedAtMs = description.storedAtMs;
    await index.note(recordOf(description, nowMs, { isHere: true, accessedAtMs }));
  }
  if (signal?.aborted === true) return count;
  for (let row = 0; row < rowsBefore; row++) {
    const isNewer = table.momentOf(row) >= nowMs;
    if (seen[row] === 1 || table.here[row] === 0 || isNewer) continue;
    await index.note({ ...table.recordOf(row), isHere: false, atMs: nowMs });
  }
  if (layout.earlierSplits.length > 0) await layout.forgetEarlier();
  return count;
}
