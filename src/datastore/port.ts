/** What the datastore promises to the rest of the program. */
import type { Readable } from 'node:stream';
import type { Clock } from '#base';
import type { Digests, Transport, Validators } from './transport.ts';

/**
 * How to treat a key whose bytes may change at the origin. `immutable`: what is here is right for
 * ever. `revalidate`: as a private cache does it (RFC 9111). `pin`: the version that `pin` had first,
 * and revalidated when it had none.
 */
export type KeyMode = 'immutable' | 'revalidate' | 'pin';

export interface Progress {
  readonly key: string;
  /** Never falls, but for a restart, which is told of with 0. */
  readonly bytes: number;
  /** Null while nobody knows. */
  readonly totalBytes: number | null;
}

export interface EnsureRequest {
  /** Usually a URL; user information and fragment are taken off. */
  readonly key: string;
  readonly mode: KeyMode;
  /** Refused with DATA_DIGEST_WRONG when the bytes have others. */
  readonly digests?: Digests;
  /** Bytes it must have. */
  readonly bytes?: number;
  /** Its SHA-256 stands at the same address with `.sha256` behind it, as sha256sum writes it. */
  readonly hasDigestBeside?: boolean;
  /** Name of a pin (letters, digits, `.`, `_`, `-`): needed for mode `pin`, kept until `unpin`. */
  readonly pin?: string;
  /** A verified copy does when the origin cannot be asked. Default false. */
  readonly staleAllowed?: boolean;
  /** Entries of one owner are not seen by another. `''`, the default: everybody of this store. */
  readonly owner?: string;
  /** Where to get it, in this order; default: the key itself. Every one must give the same bytes. */
  readonly sources?: readonly string[];
  /** The file may be executed; of all keys that share its bytes. */
  readonly executable?: boolean;
  /** Larger ones are refused. */
  readonly mostBytes?: number;
  /**
   * Wanted as soon as its digest is known and right. It gets its place in the store, and is flushed, while
   * it is used: until then a crash costs the transfer. Default false: it lies in its place.
   */
  readonly isEarly?: boolean;
  readonly signal?: AbortSignal;
  onProgress?(progress: Progress): void;
}

/** How a held file came here, for the record of an attempt. */
export interface Way {
  /**
   * `hit`: lay here, no question asked. `revalidated`: the origin said it is still right. `fetched`:
   * brought for this request. `joined`: brought for another one meanwhile. `same`: its bytes lay here
   * under another key. `stale`: the origin could not be asked.
   */
  readonly how: 'hit' | 'revalidated' | 'fetched' | 'joined' | 'same' | 'stale';
  /** `direct`, `proxy HOST:PORT`, `direct after proxy HOST:PORT failed`, a plugin; `''` for a hit. */
  readonly via: string;
  /** Where it was got, without secrets; `''` for a hit. */
  readonly source: string;
  /** Bytes moved for this request. */
  readonly movedBytes: number;
  /** Times that the transfer was begun again from 0, gone on with, tried in all. */
  readonly restarts: number;
  readonly resumes: number;
  readonly tries: number;
}

/** One description of an entry, as administrators see it. */
export interface EntryView {
  readonly key: string;
  readonly hash: string;
  /** Where the bytes lie now. They may be aged, or be another version later: to rely on them, hold. */
  readonly path: string;
  readonly owner: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Null: it was not asked for yet. */
  readonly md5: string | null;
  readonly mediaType: string | null;
  readonly validators: Validators;
  /** HTTP status that the bytes came with, or 0. */
  readonly status: number;
  /** Milliseconds since the epoch. */
  readonly storedAtMs: number;
  readonly verifiedAtMs: number;
  readonly validatedAtMs: number;
  readonly source: string;
  readonly isPrivate: boolean;
  readonly pins: readonly string[];
}

/**
 * A file that is whole, verified and stays as it is until `release`, whatever becomes of the entry:
 * `path` is a name of its own for these very bytes. Link, reflink, mount or copy it; never write.
 */
export interface Held {
  readonly key: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Null: it was not asked for yet; `md5Of` makes it. */
  readonly md5: string | null;
  readonly mediaType: string | null;
  readonly way: Way;
  /** The origin forbids to keep it: it is gone with `release`. */
  readonly isPassing: boolean;
  /** Never fails; the second time does nothing. */
  release(): Promise<void>;
}

export interface PutRequest {
  readonly key: string;
  readonly digests?: Digests;
  readonly bytes?: number;
  readonly owner?: string;
  readonly mediaType?: string;
  readonly mostBytes?: number;
  readonly signal?: AbortSignal;
}

export type SortColumn = 'key' | 'bytes' | 'lastAccess' | 'stored';

export interface SnapshotQuery {
  readonly sort: SortColumn;
  readonly descending: boolean;
  /** Only keys that contain this text; `''`: all. */
  readonly containing: string;
  /** Only those that somebody has pinned. */
  readonly pinnedOnly: boolean;
}

export interface ListQuery extends SnapshotQuery {
  readonly offset: number;
  readonly limit: number;
}

/** A line of a list: what the index knows, without looking at the files. */
export interface ListedEntry {
  readonly key: string;
  readonly hash: string;
  readonly owner: string;
  readonly bytes: number;
  readonly storedAtMs: number;
  readonly lastAccessMs: number;
  readonly pinned: boolean;
}

interface Matching {
  /** How many match; what several keys share is counted for each. */
  readonly matching: number;
  readonly matchingBytes: number;
}

export interface Listing extends Matching {
  /** A page of those that match. */
  readonly entries: readonly ListedEntry[];
}

/**
 * All that matched at one moment, in order: its pages fit each other, whatever is stored, used and
 * removed between them. It takes about 30 bytes of memory an entry.
 */
export interface Snapshot extends Matching {
  readonly atMs: number;
  page(offset: number, limit: number): readonly ListedEntry[];
}

/** What a store has done since it was opened, by this process. */
export interface StoreCounts {
  /** Requests that were served by what lay here, and those for which bytes had to come. */
  readonly hits: number;
  readonly misses: number;
  /** Bytes that came for them. */
  readonly fetchedBytes: number;
  /** Entries that ageing removed, and the room that it made. */
  readonly evicted: number;
  readonly evictedBytes: number;
  /** Stored files that were found damaged. */
  readonly damaged: number;
}

export interface Usage {
  readonly entries: number;
  /** Of contents, each counted once. */
  readonly bytes: number;
  readonly pinned: number;
  readonly freeBytes: number;
  readonly limits: StoreLimits;
}

export interface StoreLimits {
  /** 0: no limit. */
  readonly mostBytes: number;
  /** 0: no limit. */
  readonly mostFiles: number;
  /** Of the file system, that shall stay free. */
  readonly leastFreeBytes: number;
  /** Ageing begins above `high` of a limit and ends below `low` of it. */
  readonly high: number;
  readonly low: number;
}

export interface AgeWish {
  /** Also what the limits would let stay: down to so many bytes. */
  readonly toBytes?: number;
  /** Remove what nobody has asked for since. */
  readonly unusedSinceMs?: number;
}

export interface Aged {
  readonly removed: number;
  readonly freedBytes: number;
  /** Entries that were due and stay, being pinned or in use. */
  readonly kept: number;
}

export interface VerifyWish {
  /** Only these; default: all. */
  readonly keys?: readonly string[];
  /** Of all, this part by chance: 0 to 1. Default 1. */
  readonly share?: number;
  readonly signal?: AbortSignal;
  /** The next one is read when it has resolved. */
  onEntry?(key: string, verdict: Verdict): void | Promise<void>;
}

/** `changed`: replaced or removed while it was looked at. */
export type Verdict = 'good' | 'corrupt' | 'missing' | 'changed';

export interface Verified {
  readonly good: number;
  readonly corrupt: number;
  readonly missing: number;
  readonly bytes: number;
}

export interface FetchLimits {
  /** Transfers at the same time: from one origin, and in all. */
  readonly perOrigin: number;
  readonly inAll: number;
  /** Tries for one file, the first counted. */
  readonly tries: number;
  readonly backoffFromMs: number;
  readonly backoffToMs: number;
  /** A transfer below so many bytes a second for so long is given up and tried again. */
  readonly slowBytesPerSecond: number;
  readonly slowMs: number;
}

/** What the store tells as it happens; `key` without secrets. */
export type StoreEvent =
  | { readonly kind: 'corrupt'; readonly key: string; readonly reason: string }
  | { readonly kind: 'garbage'; readonly path: string; readonly reason: string }
  | { readonly kind: 'stored'; readonly key: string; readonly bytes: number; readonly via: string }
  /** It was given away before it had its place, and did not get one. */
  | { readonly kind: 'unstored'; readonly key: string; readonly reason: string }
  | { readonly kind: 'restarted'; readonly key: string; readonly reason: string }
  | { readonly kind: 'stale'; readonly key: string; readonly reason: string }
  | {
      readonly kind: 'proxy-failed' | 'proxy-back';
      readonly proxy: string;
      readonly reason: string;
    }
  | { readonly kind: 'aged'; readonly removed: number; readonly freedBytes: number };

export interface DatastoreOptions {
  /** Absolute; made if it is not there. */
  readonly directory: string;
  /** How the hash is cut into directories: [4, 4] by default. */
  readonly split?: readonly number[];
  readonly limits?: Partial<StoreLimits>;
  readonly fetching?: Partial<FetchLimits>;
  /** One for each scheme; the store closes them. Without a scheme's transport its keys are refused. */
  readonly transports: readonly Transport[];
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** In about so long all that lies here is read again once, in samples; 0, the default: never. */
  readonly recheckMs?: number;
  onEvent(event: StoreEvent): void;
}

/**
 * Files by key, fetched once, whole or not at all. Several processes, also of several machines, may
 * share one directory. Errors are those of `datastoreErrors`.
 */
export interface Datastore {
  readonly directory: string;
  /**
   * Holds the bytes of a key, having fetched or asked for them if need be. However many ask, one
   * transfer runs; each may leave by its own signal. Rejects with DATA_*, or the signal's reason.
   */
  ensure(request: EnsureRequest): Promise<Held>;
  /** What lies here whole, without asking anybody; null when nothing does. */
  find(key: string, owner?: string): Promise<EntryView | null>;
  /** As `find`, with an MD5, for which the bytes may have to be read. */
  inspect(key: string, owner?: string): Promise<(EntryView & { readonly md5: string }) | null>;
  /** The MD5 of a held file. */
  md5Of(held: Held): Promise<string>;
  /** As `find`, and holds it. */
  hold(key: string, owner?: string): Promise<Held | null>;
  /** Content by its SHA-256, under whatever key; null when it is not here. */
  holdContent(sha256: string): Promise<Held | null>;
  /** The bytes from `start` up to and with `end` of a held file. */
  open(held: Held, range?: { readonly start: number; readonly end: number }): Readable;
  /** Stores bytes under a key, in place of what was there. */
  put(source: AsyncIterable<Uint8Array>, request: PutRequest): Promise<EntryView>;
  /** As `put`, of a file of this machine, which nobody may write to any more: it may be linked. */
  putFile(path: string, request: PutRequest): Promise<EntryView>;
  list(query: Partial<ListQuery>): Promise<Listing>;
  snapshot(query: Partial<SnapshotQuery>): Promise<Snapshot>;
  usage(): Promise<Usage>;
  counts(): StoreCounts;
  /** Keeps the version that is here from ageing, and from changing for those who name the pin. */
  pin(key: string, pin: string, owner?: string): Promise<EntryView>;
  /** Without a key: all that the pin holds. Answers with how many it let go. */
  unpin(pin: string, key?: string, owner?: string): Promise<number>;
  /** False when it was not there. Rejects with DATA_PINNED. */
  remove(key: string, owner?: string): Promise<boolean>;
  age(wish?: AgeWish): Promise<Aged>;
  verify(wish?: VerifyWish): Promise<Verified>;
  /** Resolves once the key lies here whole, brought by whomever; rejects with the signal's reason. */
  watch(key: string, signal: AbortSignal, owner?: string): Promise<EntryView>;
  /** Keys that are on their way, and how far. */
  underWay(): readonly Progress[];
  /** Breaks off what runs, gives back every hold. */
  close(): Promise<void>;
}
