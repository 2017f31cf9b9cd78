/** What a store gives up: by age, by size, and what never came whole. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredTrace } from './description.ts';
import type { TraceStore } from './trace-store.ts';

export interface Retention {
  /** 0: for ever. */
  readonly keepMs: number;
  /** Of all files together; 0: no limit. */
  readonly spaceBytes: number;
  /** Uploads that were not gone on with for this long are given up. */
  readonly unfinishedMs: number;
}

export interface Removed {
  readonly trace: StoredTrace;
  readonly why: 'age' | 'space';
}

/** Which files go, oldest first. Pure. */
export function outlived(
  traces: readonly StoredTrace[],
  { keepMs, spaceBytes }: Retention,
  nowMs: number,
): Removed[] {
  const oldestFirst = traces.toSorted((a, b) => a.receivedAtMs - b.receivedAtMs);
  let bytes = traces.reduce((sum, trace) => sum + trace.bytes, 0);
  const removed: Removed[] = [];
  for (const trace of oldestFirst) {
    const isOld = keepMs > 0 && nowMs - trace.receivedAtMs > keepMs;
    const isOver = spaceBytes > 0 && bytes > spaceBytes;
    if (!isOld && !isOver) break;
    removed.push({ trace, why: isOld ? 'age' : 'space' });
    bytes -= trace.bytes;
  }
  return removed;
}

/** Returns what was removed. Throws the system's errors. */
export async function prune(store: TraceStore, retention: Retention): Promise<Removed[]> {
  const nowMs = store.clock.now();
  await removeUnfinished(store, nowMs - retention.unfinishedMs);
  if (retention.keepMs === 0 && retention.spaceBytes === 0) return [];
  const removed = outlived(await Array.fromAsync(store.list()), retention, nowMs);
  for (const { trace } of removed) await store.remove(trace.id, trace.name);
  return removed;
}

/** What belongs together is as old as its newest part: the notes of an upload are not touched again. */
async function removeUnfinished(store: TraceStore, beforeMs: number): Promise<void> {
  const parts = new Map<string, { paths: string[]; newestMs: number }>();
  for (const name of await readdir(store.incoming)) {
    const path = join(store.incoming, name);
    const found = await stat(path).catch(() => null);
    if (!found) continue;
    const base = name.split('.', 1)[0]!;
    const { paths, newestMs } = parts.get(base) ?? { paths: [], newestMs: 0 };
    parts.set(base, { paths: [...paths, path], newestMs: Math.max(newestMs, found.mtimeMs) });
  }
  for (const { paths, newestMs } of parts.values()) {
    if (newestMs < beforeMs) for (const path of paths) await rm(path, { force: true });
  }
}
