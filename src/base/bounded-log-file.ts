import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const MOST_BYTES = 4 * 1024 * 1024;

/**
 * A log that never takes more than twice `mostBytes`: a full file is kept as `PATH.1`, in place of
 * the one before. Other processes may append to the same path; a rotation takes their end along.
 */
export class BoundedLogFile {
  readonly #path: string;
  readonly #mostBytes: number;
  #fd: number;
  #bytes: number;

  /** Throws the system's error when the file cannot be opened. */
  constructor(path: string, mostBytes: number = MOST_BYTES) {
    this.#path = path;
    this.#mostBytes = mostBytes;
    this.#fd = openSync(path, 'a', 0o600);
    this.#bytes = fstatSync(this.#fd).size;
  }

  /** Appends; what cannot be written, on a full disk for one, is lost without an error. */
  write(line: string): void {
    try {
      if (this.#bytes > this.#mostBytes) this.#rotate();
      this.#bytes += writeSync(this.#fd, line);
    } catch {
      // A log must not end what it tells of.
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #rotate(): void {
    renameSync(this.#path, `${this.#path}.1`);
    const fd = openSync(this.#path, 'a', 0o600);
    closeSync(this.#fd);
    this.#fd = fd;
    this.#bytes = 0;
  }
}
