/**
 * Event logs of jobs: files that tell the life of each task while it happens. Every event once and in
 * order, whenever the server is killed: how far a file is written is kept in the store, and what was
 * written after that is recognized, for the same entries always make the same text.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { messageOf } from '#base';
import type { EventLogFormat } from '#model';
import type { Store } from '#store';
import { printEvents } from '#wire';
import type { Core, Job } from '../core.ts';
import { lifeOfAll } from './journal.ts';

const LOOK_MS = 200;
const CHUNK_CHARACTERS = 1 << 18;

/** How far a file is written. */
interface Mark {
  readonly through: number;
  readonly bytes: number;
}

export class EventLogs {
  readonly #core: Core;
  readonly #store: Store;
  readonly #log: (message: string, facts: object) => void;
  readonly #marks = new Map<string, Mark>();
  readonly #failing = new Set<string>();
  #seen = -1;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(core: Core, store: Store, log: (message: string, facts: object) => void) {
    this.#core = core;
    this.#store = store;
    this.#log = log;
  }

  async start(): Promise<void> {
    for (const { path, ...mark } of await this.#store.eventLogs()) this.#marks.set(path, mark);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  #look(): void {
    if (this.#core.sequence === this.#seen && this.#failing.size === 0) return;
    this.#writing = this.#writing.then(() => this.write());
  }

  /** All files, as far as what happened is durable. Never rejects. */
  async write(): Promise<void> {
    const upTo = this.#core.sequence;
    const files = Map.groupBy(
      [...this.#core.jobs.values()].filter(({ spec }) => spec.eventLog?.path),
      ({ spec }) => spec.eventLog!.path,
    );
    if (files.size > 0) {
      // A server that ends with a full disk has acknowledged nothing of it.
      const isDurable = await this.#core.commit.durable().then(
        () => true,
        () => false,
      );
      if (!isDurable) return;
    }
    for (const [path, jobs] of files) await this.#writeFile(path, jobs, upTo);
    this.#seen = upTo;
  }

  async #writeFile(path: string, jobs: readonly Job[], upTo: number): Promise<void> {
    const mark = this.#marks.get(path);
    const after = mark?.through ?? 0;
    if (after >= upTo) return;
    try {
      const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
      try {
        const written = await this.#append(file, jobs, { after, upTo, bytes: mark?.bytes ?? null });
        if (written.through > after) await this.#keep(path, written);
      } finally {
        await file.close();
      }
      this.#failing.delete(path);
    } catch (error) {
      if (!this.#failing.has(path)) {
        this.#log('an event log could not be written; it is tried again', {
          file: path,
          error: messageOf(error),
        });
      }
      this.#failing.add(path);
    }
  }

  async #append(
    file: FileHandle,
    jobs: readonly Job[],
    range: { readonly after: number; readonly upTo: number; readonly bytes: number | null },
  ): Promise<Mark> {
    const { size } = await file.stat();
    const { after, upTo, bytes } = range;
    const writer = new LogWriter(file, bytes ?? size, size);
    const { format } = jobs[0]!.spec.eventLog!;
    let through = after;
    for await (const entry of lifeOfAll(this.#store, jobs, after, upTo)) {
      for (const text of printEvents(entry, format as EventLogFormat)) await writer.put(text);
      through = Math.max(through, entry.sequence);
    }
    return { through, bytes: await writer.finish() };
  }

  /** Known to the store from its next commit on. */
  async #keep(path: string, mark: Mark): Promise<void> {
    this.#marks.set(path, mark);
    this.#core.commit.add({ kind: 'event-log', path, ...mark });
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await this.write();
    await this.#core.commit.durable().catch(() => undefined);
  }
}

/** Goes over what is there of the events already, and appends the rest. */
class LogWriter {
  readonly #file: FileHandle;
  /** End of what is ours. */
  #at: number;
  /** Bytes behind it that may be ours. */
  #behind: number;
  #size: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #hasWritten = false;

  constructor(file: FileHandle, at: number, size: number) {
    this.#file = file;
    // A file that was cut, or moved away, goes on at its end.
    this.#at = Math.min(at, size);
    this.#behind = size - this.#at;
    this.#size = size;
  }

  async put(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    if (this.#behind > 0 && (await this.#isThere(bytes))) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= CHUNK_CHARACTERS) await this.#flush();
  }

  /** Whether it was written before the server was killed; half of it is cut off. */
  async #isThere(bytes: Buffer): Promise<boolean> {
    const length = Math.min(bytes.length, this.#behind);
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(length), 0, length, this.#at);
    if (buffer.subarray(0, bytesRead).equals(bytes)) {
      this.#at += bytes.length;
      this.#behind -= bytes.length;
      return true;
    }
    if (
      this.#behind < bytes.length &&
      bytes.subarray(0, bytesRead).equals(buffer.subarray(0, bytesRead))
    ) {
      await this.#file.truncate(this.#at);
      this.#size = this.#at;
    } else this.#at = this.#size; // somebody else's
    this.#behind = 0;
    return false;
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#at);
      done += bytesWritten;
      this.#at += bytesWritten;
    }
    this.#hasWritten = true;
  }

  /** Resolves, when all is on the disk, with where it ends. */
  async finish(): Promise<number> {
    if (this.#behind > 0) this.#at = this.#size;
    if (this.#pendingBytes > 0) await this.#flush();
    if (this.#hasWritten) await this.#file.datasync();
    return this.#at;
  }
}
