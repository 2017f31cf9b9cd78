/** Making room: what was not asked for the longest goes first; what is pinned or in use never. */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemCodeOf } from '#base';
import { type Description, MOST_DESCRIPTION_BYTES, parseDescription } from './disk/description.ts';
import { namesIn, readSmallFile, removeFile, unlessGone, walk } from './disk/files.ts';
import { hashOfPath, type Layout } from './disk/layout.ts';
import type { Pins } from './disk/pins.ts';
import type { Sharer } from './disk/sharer.ts';
import type { Shelf } from './disk/shelf.ts';
import { datastoreErrors } from './errors.ts';
import { partOwner, stateOf } from './fetch/part-state.ts';
import type { EntryIndex } from './index/entry-index.ts';
import type { EntryTable } from './index/entry-table.ts';
import { type InPieces, inTurns, piecesOf } from './index/in-turns.ts';
import { sortByNumber } from './index/order.ts';
import { SeenNumbers } from './index/seen-numbers.ts';
import type { Aged, AgeWish, StoreLimits } from './port.ts';

/** What is left on its way, or set aside, is of use for a while only. */
const LEFT_KEPT_MS = 7 * 24 * 3_600_000;
/** Of what was set aside so much is kept, for those who want to know what happened. */
const MOST_ASIDE_BYTES = 1 << 30;

export interface AgeingParts {
  readonly layout: Layout;
  readonly shelf: Shelf;
  readonly sharer: Sharer;
  readonly pins: Pins;
  readonly index: EntryIndex;
  readonly limits: StoreLimits;
  readonly clock: Clock;
}

export interface Totals {
  readonly entries: number;
  /** Bytes that several entries share are counted once. */
  readonly bytes: number;
}

export function* totalsOf(table: EntryTable): InPieces<Totals> {
  const seen = new SeenNumbers(table.rows);
  let sum = 0;
  let entries = 0;
  yield* piecesOf(table.rows, (begin, end) => {
    // Between pieces columns may have been replaced by longer ones.
    const { here, bytes, contents } = table;
    for (let row = begin; row < end; row++) {
      if (here[row] === 0) continue;
      entries++;
      if (seen.add(contents[row]!)) sum += bytes[row]!;
    }
  });
  return { entries, bytes: sum };
}

/** The disk as it is, and how much of it shall stay free. */
export interface DiskLook {
  readonly freeBytes: number;
  readonly leastFreeBytes: number;
}

/** Of a small disk what is asked for may be more than there is. */
const MOST_FREE_PART = 20;

export async function lookAtDisk(directory: string, limits: StoreLimits): Promise<DiskLook> {
  const { bavail, blocks, bsize } = await statfs(directory);
  const leastFreeBytes = Math.min(limits.leastFreeBytes, (blocks * bsize) / MOST_FREE_PART);
  return { freeBytes: bavail * bsize, leastFreeBytes };
}

/** How much is to go: bytes that must become free, entries that are too many. */
interface Surplus {
  bytes: number;
  entries: number;
}

/**
 * Null: nothing is to be done. Begins above the high mark of a limit and goes down to the low one, so
 * that it does not run after every file.
 */
export function surplusOf(
  totals: Totals,
  { freeBytes, leastFreeBytes }: DiskLook,
  limits: StoreLimits,
  isForced: boolean,
): Surplus | null {
  const { mostBytes, mostFiles, high, low } = limits;
  const above = (value: number, most: number) => most > 0 && value > most * (isForced ? low : high);
  const lacking = leastFreeBytes - freeBytes;
  const isDue = above(totals.bytes, mostBytes) || above(totals.entries, mostFiles) || lacking > 0;
  if (!isDue) return null;
  const over = (value: number, most: number) => (most > 0 ? Math.max(0, value - most * low) : 0);
  // Some more than is lacking, for the same reason: as far as the low mark is below the whole.
  const room = lacking > 0 ? lacking + leastFreeBytes * (1 - low) : 0;
  return {
    bytes: Math.max(over(totals.bytes, mostBytes), room),
    entries: over(totals.entries, mostFiles),
  };
}

/** Ages once. `atLeastBytes`: so much must become free whatever the limits say. */
export async function age(parts: AgeingParts, wish: AgeWish, atLeastBytes = 0): Promise<Aged> {
  const { layout, index, limits, clock } = parts;
  await clearLeftovers(parts);
  const table = await index.load();
  const totals = await inTurns(totalsOf(table));
  const disk = await lookAtDisk(layout.directory, limits);
  const surplus = surplusOf(totals, disk, limits, wish.toBytes !== undefined) ?? {
    bytes: 0,
    entries: 0,
  };
  if (wish.toBytes !== undefined) {
    surplus.bytes = Math.max(surplus.bytes, totals.bytes - wish.toBytes);
  }
  surplus.bytes = Math.max(surplus.bytes, atLeastBytes);
  const unusedSinceMs = wish.unusedSinceMs ?? Number.NEGATIVE_INFINITY;
  const isAsked = wish.toBytes !== undefined || wish.unusedSinceMs !== undefined;
  const lostBytes = isAsked ? await sweepContents(parts, null) : 0;
  const aged = { removed: 0, freedBytes: lostBytes, kept: 0 };
  const isEnough = (row: number) =>
    aged.freedBytes - lostBytes >= surplus.bytes &&
    aged.removed >= surplus.entries &&
    table.accessed[row]! >= unusedSinceMs;
  const safe = await untouchable(parts);
  for (const row of await inTurns(oldestFirst(table))) {
    if (isEnough(row)) break;
    const hash = table.hashOf(row);
    if (safe.has(hash)) {
      aged.kept++;
      continue;
    }
    const freed = await removeEntry(parts, hash);
    await index.note({ ...table.recordOf(row), isHere: false, atMs: clock.now() });
    aged.removed++;
    aged.freedBytes += freed;
  }
  await index.merge();
  return aged;
}

async function untouchable({ pins, sharer }: AgeingParts): Promise<Set<string>> {
  const safe = await sharer.inUse();
  for (const hash of (await pins.all()).keys()) safe.add(hash);
  return safe;
}

/** By last access, and of equal ones the largest first. */
function* oldestFirst(table: EntryTable): InPieces<Uint32Array> {
  const rows = rowsHere(table);
  const most = rows.reduce((sum, row) => Math.max(sum, table.bytes[row]!), 0);
  yield* sortByNumber(rows, (row) => most - table.bytes[row]!);
  return yield* sortByNumber(rows, (row) => table.accessed[row]!);
}

export function rowsHere(table: EntryTable): Uint32Array {
  const rows = new Uint32Array(table.rows);
  let count = 0;
  for (let row = 0; row < table.rows; row++) if (table.here[row] === 1) rows[count++] = row;
  return rows.slice(0, count);
}

async function removeEntry({ layout, shelf }: AgeingParts, hash: string): Promise<number> {
  const description = await descriptionOf(layout, hash);
  return description === null ? 0 : shelf.remove(description);
}

/** By its hash alone, wherever an earlier split has it. */
export async function descriptionOf(layout: Layout, hash: string): Promise<Description | null> {
  for (const split of [layout.split, ...layout.earlierSplits]) {
    const text = await readSmallFile(`${layout.stem(hash, split)}.key`, MOST_DESCRIPTION_BYTES);
    const found = text === null ? null : parseDescription(text);
    if (found !== null) return found;
  }
  return null;
}

/**
 * Bytes that lost their entry to a crash have no name but that of their digest. All of `contents/` is
 * walked for them, so it is done when somebody asks for room or for a check.
 */
export async function sweepContents(
  { layout, shelf }: Pick<AgeingParts, 'layout' | 'shelf'>,
  signal: AbortSignal | null,
): Promise<number> {
  const root = layout.folder('contents');
  let freedBytes = 0;
  for await (const { directory, files } of walk(root, signal)) {
    for (const name of files) {
      const sha256 = hashOfPath(root, join(directory, name));
      if (sha256 !== null) freedBytes += await shelf.sweepContent(sha256);
    }
  }
  return freedBytes;
}

/** Parts that nobody went on with, and the oldest of what was set aside. */
async function clearLeftovers({ layout, sharer, clock }: AgeingParts): Promise<void> {
  await sharer.clearGone();
  const parts = layout.folder('parts');
  for (const name of await namesIn(parts)) {
    const path = join(parts, name);
    if (!(await isOld(path, clock.now(), LEFT_KEPT_MS))) continue;
    const owner = partOwner(name.replace(/\.state$/, ''));
    if (owner !== null && !(await sharer.isGone(owner.sharer))) continue;
    await removeFile(stateOf(path));
    await removeFile(path);
  }
  await clearAside(layout, clock.now());
}

async function isOld(path: string, nowMs: number, mostMs: number): Promise<boolean> {
  const found = await unlessGone(stat(path));
  // Not the time of its bytes, which a name that is being given to old bytes has too.
  return found !== null && nowMs - found.ctimeMs > mostMs;
}

async function clearAside(layout: Layout, nowMs: number): Promise<void> {
  const folder = layout.folder('aside');
  const files = await Promise.all(
    (await namesIn(folder)).map(async (name) => {
      const found = await unlessGone(stat(join(folder, name)));
      return { name, atMs: found?.ctimeMs ?? 0, bytes: found?.size ?? 0 };
    }),
  );
  let bytes = 0;
  for (const file of files.sort((a, b) => b.atMs - a.atMs)) {
    bytes += file.bytes;
    const isPast = nowMs - file.atMs > LEFT_KEPT_MS || bytes > MOST_ASIDE_BYTES;
    if (isPast) await removeFile(join(folder, file.name));
  }
}

/** Turns what statfs cannot tell into a coded error. */
export async function diskOrFailure(directory: string, limits: StoreLimits): Promise<DiskLook> {
  try {
    return await lookAtDisk(directory, limits);
  } catch (error) {
    const reason = systemCodeOf(error) ?? 'it cannot be looked at';
    throw datastoreErrors.create('DATA_STORE_FAILED', { directory, reason }, { cause: error });
  }
}
