/** What `windrow data` asks of a datastore, wherever it is. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type {
  Aged,
  Datastore,
  EnsureRequest,
  EntryView,
  ListedEntry,
  PutRequest,
  SnapshotQuery,
  StoreCounts,
  Usage,
  Verdict,
  Verified,
  Way,
} from '#datastore';

export interface FetchedEntry {
  readonly key: string;
  /** Null: its origin forbids to keep it. */
  readonly path: string | null;
  readonly bytes: number;
  readonly sha256: string;
  readonly way: Way;
}

export interface VerifyWish {
  /** None: all. */
  readonly keys: readonly string[];
  readonly share: number | undefined;
  readonly signal: AbortSignal;
  /** Of those that are not good. */
  onBad(key: string, verdict: Verdict): void;
}

export interface DataDesk {
  /** Page by page, of one moment. */
  list(query: SnapshotQuery, limit: number): AsyncIterable<readonly ListedEntry[]>;
  find(key: string): Promise<EntryView | null>;
  usage(): Promise<Usage & { readonly directory: string; readonly counts: StoreCounts }>;
  fetch(request: EnsureRequest): Promise<FetchedEntry>;
  /** A path, or bytes that come only once. */
  put(source: string | Readable, request: PutWish): Promise<EntryView>;
  /** Hands over what is there of a key; null when nothing is. */
  read<T>(key: string, use: (entry: ReadEntry) => Promise<T>): Promise<T | null>;
  pin(key: string, pin: string): Promise<EntryView>;
  unpin(pin: string, key?: string): Promise<number>;
  remove(key: string): Promise<boolean>;
  purge(wish: { readonly unusedMs?: number; readonly toBytes?: number }): Promise<Aged>;
  verify(wish: VerifyWish): Promise<Verified>;
}

export interface PutWish extends PutRequest {
  readonly signal: AbortSignal;
  onProgress(sentBytes: number): void;
}

export interface ReadEntry {
  readonly bytes: number;
  readonly sha256: string;
  /** From a byte on, up to the end; throws where it cannot be had to the end. */
  open(fromByte: number): AsyncIterable<Uint8Array>;
}

/** Entries that are handed over together. */
const PAGE = 10_000;

/** Of a directory of this machine. */
export function deskOf(store: Datastore, now: () => number): DataDesk {
  return {
    async *list(query, limit) {
      const snapshot = await store.snapshot(query);
      const end = Math.min(limit, snapshot.matching);
      for (let at = 0; at < end; at += PAGE) yield snapshot.page(at, Math.min(PAGE, end - at));
    },
    find: (key) => store.inspect(key),
    async usage() {
      return { directory: store.directory, ...(await store.usage()), counts: store.counts() };
    },
    async fetch(request) {
      const held = await store.ensure(request);
      try {
        const view = await store.find(request.key);
        const { key, bytes, sha256, way } = held;
        return { key, path: view?.path ?? null, bytes, sha256, way };
      } finally {
        await held.release();
      }
    },
    put(source, request) {
      const bytes = typeof source === 'string' ? createReadStream(source) : source;
      return store.put(bytes, request);
    },
    async read(key, use) {
      const held = await store.hold(key);
      if (held === null) return null;
      try {
        const { bytes, sha256 } = held;
        const open = (start: number) =>
          start < bytes ? store.open(held, { start, end: bytes - 1 }) : Readable.from([]);
        return await use({ bytes, sha256, open });
      } finally {
        await held.release();
      }
    },
    pin: (key, pin) => store.pin(key, pin),
    unpin: (pin, key) => store.unpin(pin, key),
    remove: (key) => store.remove(key),
    purge({ unusedMs, toBytes }) {
      return store.age({
        ...(unusedMs === undefined ? {} : { unusedSinceMs: now() - unusedMs }),
        ...(toBytes === undefined ? {} : { toBytes }),
      });
    },
    verify({ keys, share, signal, onBad }) {
      return store.verify({
        ...(keys.length === 0 ? {} : { keys }),
        ...(share === undefined ? {} : { share }),
        signal,
        onEntry(key, verdict) {
          if (verdict !== 'good') onBad(key, verdict);
        },
      });
    },
  };
}
