/**
 * Ends that no answered sync has carried yet. They are few while the server answers; while it is
 * gone, what does not fit in memory waits in files.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Ticket } from '#model';
import type { EndedAttempt } from '#wire';

const MEMORY_BYTES = 16 * 1024 * 1024;
/** What one sync carries at most: the server reads it whole. */
const SYNC_BYTES = 4 * 1024 * 1024;
const SYNC_ENDS = 2000;
/** Of an end besides its parts. */
const END_BYTES = 600;

interface Entry {
  readonly bytes: number;
  /** Null while it lies in `path`. */
  readonly end: EndedAttempt | null;
  readonly path: string | null;
}

export class EndBacklog {
  readonly #entries = new Map<Ticket, Entry>();
  readonly #spoolRoot: string;
  readonly #memoryBytes: number;
  #inMemory = 0;
  /** Most ends of one sync; lowered while a sync is refused, to find the end that is the reason. */
  #mostEnds = SYNC_ENDS;

  constructor(spoolRoot: string, memoryBytes = MEMORY_BYTES) {
    this.#spoolRoot = spoolRoot;
    this.#memoryBytes = memoryBytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  tickets(): IterableIterator<Ticket> {
    return this.#entries.keys();
  }

  add(end: EndedAttempt): void {
    const bytes = sizeOf(end);
    if (this.#inMemory + bytes > this.#memoryBytes && this.#spill(end, bytes)) return;
    this.#inMemory += bytes;
    this.#entries.set(end.ticket, { bytes, end, path: null });
  }

  /** The oldest ends that fit into one sync, at least one. They stay until `confirm`. */
  next(): EndedAttempt[] {
    const ends: EndedAttempt[] = [];
    let bytes = 0;
    for (const [ticket, entry] of this.#entries) {
      bytes += entry.bytes;
      if (ends.length >= this.#mostEnds || (ends.length > 0 && bytes > SYNC_BYTES)) break;
      const end = entry.end ?? readSpilled(entry.path!);
      if (end) ends.push(end);
      else this.#entries.delete(ticket); // its file is gone: the server will call it lost
    }
    return ends;
  }

  /**
   * A sync with these ends was refused for good. The next ones carry half as many, until a single
   * end is refused: that one goes without its parts, and its ticket is returned. So no end, however
   * odd, keeps the others from being told.
   */
  yieldTo(ends: readonly EndedAttempt[]): Ticket | undefined {
    this.#mostEnds = Math.max(1, ends.length >> 1);
    const [only] = ends;
    if (ends.length !== 1 || !only || only.parts.length === 0) return undefined;
    this.#forget(ends);
    const cause = only.cause === 'ok' ? 'stage-out' : only.cause;
    const reason = 'The server did not take the results as they were sent.';
    this.add({ ...only, cause, reason, lastErrorLine: '', parts: [] });
    return only.ticket;
  }

  confirm(ends: readonly EndedAttempt[]): void {
    this.#mostEnds = Math.min(SYNC_ENDS, this.#mostEnds * 2);
    this.#forget(ends);
  }

  #forget(ends: readonly EndedAttempt[]): void {
    for (const { ticket } of ends) {
      const entry = this.#entries.get(ticket);
      if (!entry) continue;
      this.#entries.delete(ticket);
      if (entry.path === null) this.#inMemory -= entry.bytes;
      else rmSync(entry.path, { force: true });
    }
  }

  /** Forgets everything and removes its files. */
  dispose(): void {
    for (const { path } of this.#entries.values()) if (path) rmSync(path, { force: true });
    this.#entries.clear();
    this.#inMemory = 0;
  }

  /** False when the disk does not take it either; then memory has to. */
  #spill(end: EndedAttempt, bytes: number): boolean {
    const path = `${this.#spoolRoot}/end-${end.ticket}.json`;
    try {
      writeFileSync(path, JSON.stringify(end), { mode: 0o600 });
    } catch {
      rmSync(path, { force: true });
      return false;
    }
    this.#entries.set(end.ticket, { bytes, end: null, path });
    return true;
  }
}

function readSpilled(path: string): EndedAttempt | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as EndedAttempt;
  } catch {
    return undefined;
  }
}

function sizeOf(end: EndedAttempt): number {
  let bytes = END_BYTES;
  for (const part of end.parts) {
    bytes += 200;
    if ('text' in part) bytes += part.text.length * 2;
    else if ('base64' in part) bytes += part.base64.length;
  }
  return bytes;
}
