/**
 * The MD5 of large files, made once nothing comes any more: no transfer waits for it, and descriptions have
 * it all the same. What a process leaves undone at its end is made when somebody asks for it.
 */
import type { EntryName } from './disk/key.ts';

/** Between the last file that came and the first one that is read again. */
const QUIET_MS = 5000;
/** More than so many have to be asked for. */
const MOST_WAITING = 10_000;

export interface LateMd5Parts {
  /** Files are coming at this moment. */
  isBusy(): boolean;
  /** Makes it and writes it down, if the entry is still here. */
  make(name: EntryName): Promise<unknown>;
}

export class LateMd5 {
  readonly #parts: LateMd5Parts;
  readonly #waiting = new Map<string, EntryName>();
  #timer: NodeJS.Timeout | undefined;
  #making: Promise<void> | null = null;
  #isClosed = false;

  constructor(parts: LateMd5Parts) {
    this.#parts = parts;
  }

  add(name: EntryName): void {
    if (this.#waiting.size < MOST_WAITING) this.#waiting.set(name.hash, name);
    this.#wait();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#making;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.#making !== null || this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => this.#begin(), QUIET_MS).unref();
  }

  #begin(): void {
    this.#making = this.#makeAll().finally(() => {
      this.#making = null;
      this.#wait();
    });
  }

  async #makeAll(): Promise<void> {
    for (const [hash, name] of this.#waiting) {
      if (this.#isClosed || this.#parts.isBusy()) return;
      this.#waiting.delete(hash);
      await this.#parts.make(name).catch(() => {}); // told to whoever asks for it
    }
  }
}
