/**
 * What is in the store, for lists and for ageing. A copy of the truth, which is the files: it is lost
 * without harm, and made again by walking them. Every process writes a log of its own; all read all
 * of them, and the latest record of an entry counts, in whatever order they are read. So nothing is
 * locked, and whoever sees many logs may write one in their place.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '#base';
import { namesIn, removeFile, unlessGone } from '../disk/files.ts';
import type { Layout } from '../disk/layout.ts';
import { EntryTable } from './entry-table.ts';
import { encodeRecord, type IndexRecord, readRecords, writeRecord } from './record.ts';

/** A record is at most 64 KiB. Some milliseconds of work; then others have a turn. */
const BLOCK_BYTES = 512 * 1024;
const TYPICAL_RECORD_BYTES = 130;
/** How much of last accesses a crash may cost. */
const TOUCH_MS = 30_000;
/** A log that is longer makes room for a new one, so that it can be merged. */
const MOST_LOG_BYTES = 64 << 20;
const MANY_LOGS = 8;
/** Who is gone stays known for so long: an older log elsewhere may still say otherwise. */
const GONE_KEPT_MS = 7 * 24 * 3_600_000;

export class EntryIndex {
  readonly #layout: Layout;
  readonly #clock: Clock;
  /** Of this process. */
  readonly #logPath: string;
  readonly #touched = new Map<string, IndexRecord>();
  readonly #read = new Map<string, number>();
  #table: EntryTable | null = null;
  #log: Promise<FileHandle> | null = null;
  #logBytes = 0;
  #loading: Promise<EntryTable> | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  /** `sharer` is the directory of this process in the store. */
  constructor(layout: Layout, sharer: string, clock: Clock) {
    this.#layout = layout;
    this.#clock = clock;
    this.#logPath = join(sharer, 'index.log');
  }

  /** Writes that an entry is about to be there, or was removed. */
  async note(record: IndexRecord): Promise<void> {
    this.#touched.delete(record.hash);
    await this.#append([record]);
  }

  /** Somebody asked for it; written in batches. */
  touch(record: IndexRecord): void {
    this.#touched.set(record.hash, record);
    this.#timer ??= setTimeout(() => void this.flush().catch(() => {}), TOUCH_MS).unref();
  }

  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const records = [...this.#touched.values()];
    this.#touched.clear();
    if (records.length > 0) await this.#append(records);
  }

  /** All that is known by now, from all processes. The same table each time; read it at once. */
  async load(): Promise<EntryTable> {
    await this.flush();
    this.#loading ??= this.#loadAll().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** True when there is no index at all, as in a store of files alone. */
  async isMissing(): Promise<boolean> {
    return (await this.#logs()).every(({ bytes }) => bytes === 0);
  }

  /** Lets a large table go; the next look reads it again. */
  forget(): void {
    this.#table = null;
    this.#read.clear();
  }

  /** Writes one log in place of many, if there are. */
  async merge(): Promise<void> {
    const table = await this.load();
    const folder = this.#layout.folder('index');
    const names = (await namesIn(folder)).filter((name) => /\.(log|seg)$/.test(name));
    if (names.length < MANY_LOGS) return;
    // Only what was read whole; what another process adds later lies under other names.
    const merged = names.filter((name) => this.#read.has(join(folder, name)));
    const aside = this.#layout.aside('parts', 'index');
    const handle = await open(aside, 'wx', 0o600);
    try {
      await this.#writeAll(table, handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const name = `${randomBytes(9).toString('hex')}.seg`;
    await rename(aside, join(folder, name));
    this.#read.set(join(folder, name), (await stat(join(folder, name))).size);
    for (const one of merged) {
      await removeFile(join(folder, one));
      this.#read.delete(join(folder, one));
    }
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#flushing.catch(() => {});
    const log = this.#log;
    this.#log = null;
    await (await log)?.close();
    // Left where the next one to merge finds it.
    if (this.#logBytes > 0) await this.#leaveLog();
    this.forget();
  }

  async #writeAll(table: EntryTable, handle: FileHandle): Promise<void> {
    const oldestMs = this.#clock.now() - GONE_KEPT_MS;
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    let used = 0;
    for (let row = 0; row < table.rows; row++) {
      if (table.here[row] === 0 && table.momentOf(row) < oldestMs) continue;
      let length = writeRecord(block, used, table.rawRecordOf(row));
      if (length < 0) {
        await handle.appendFile(block.subarray(0, used));
        used = 0;
        length = writeRecord(block, used, table.rawRecordOf(row));
      }
      used += length;
    }
    await handle.appendFile(block.subarray(0, used));
  }

  /** One write after the other: records of one log never mix. */
  #append(records: readonly IndexRecord[]): Promise<void> {
    const bytes = Buffer.concat(records.map(encodeRecord));
    const written = this.#flushing
      .catch(() => {})
      .then(async () => {
        this.#log ??= open(this.#logPath, 'a', 0o600);
        await (await this.#log).appendFile(bytes);
        this.#logBytes += bytes.length;
        if (this.#logBytes > MOST_LOG_BYTES) await this.#beginNewLog();
      });
    this.#flushing = written;
    return written;
  }

  async #beginNewLog(): Promise<void> {
    const log = await this.#log;
    this.#log = null;
    await log?.close();
    await this.#leaveLog();
  }

  async #leaveLog(): Promise<void> {
    const path = join(this.#layout.folder('index'), `${randomBytes(9).toString('hex')}.log`);
    const moved = await unlessGone(rename(this.#logPath, path).then(() => true));
    const read = this.#read.get(this.#logPath);
    this.#read.delete(this.#logPath);
    if (moved === true && read !== undefined) this.#read.set(path, read);
    this.#logBytes = 0;
  }

  async #logs(): Promise<{ readonly path: string; readonly bytes: number }[]> {
    const folder = this.#layout.folder('index');
    const paths = (await namesIn(folder)).map((name) => join(folder, name));
    const sharers = this.#layout.folder('sharers');
    for (const id of await namesIn(sharers)) paths.push(join(sharers, id, 'index.log'));
    const found = await Promise.all(
      paths.map(async (path) => ({ path, bytes: (await unlessGone(stat(path)))?.size ?? -1 })),
    );
    return found.filter(({ bytes }) => bytes >= 0);
  }

  async #loadAll(): Promise<EntryTable> {
    const logs = await this.#logs();
    const unread = logs.filter(({ path, bytes }) => bytes > (this.#read.get(path) ?? 0));
    if (this.#table === null) {
      const bytes = logs.reduce((sum, one) => sum + one.bytes, 0);
      this.#table = new EntryTable(bytes / TYPICAL_RECORD_BYTES);
    }
    const table = this.#table;
    for (const { path } of unread) await this.#readLog(path, table);
    return table;
  }

  async #readLog(path: string, table: EntryTable): Promise<void> {
    const handle = await unlessGone(open(path, 'r'));
    if (handle === null) return; // merged by another process, which we read instead
    try {
      let from = this.#read.get(path) ?? 0;
      const block = Buffer.allocUnsafe(BLOCK_BYTES);
      for (;;) {
        const { bytesRead } = await handle.read(block, 0, BLOCK_BYTES, from);
        const used = readRecords(block.subarray(0, bytesRead), (view) => table.take(block, view));
        from += used;
        if (used === 0) break;
        await nextTurn();
      }
      this.#read.set(path, from);
    } finally {
      await handle.close();
    }
  }
}
