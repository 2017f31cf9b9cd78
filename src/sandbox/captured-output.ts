export interface Captured {
  /** The kept bytes as UTF-8, with a line in place of what was cut. */
  readonly text: string;
  /** Bytes left out of the middle. */
  readonly cutBytes: number;
}

/** Keeps the beginning and the end of a stream in bounded memory. */
export class CapturedOutput {
  readonly #head: Buffer;
  readonly #tail: Buffer;
  #headBytes = 0;
  /** Counts on past the size of the ring. */
  #tailBytes = 0;

  /** Half of `limitBytes` for the beginning, half for the end. */
  constructor(limitBytes: number) {
    this.#head = Buffer.allocUnsafe(Math.ceil(limitBytes / 2));
    this.#tail = Buffer.allocUnsafe(Math.floor(limitBytes / 2));
  }

  push(bytes: Buffer): void {
    const used = bytes.copy(this.#head, this.#headBytes);
    this.#headBytes += used;
    // Of a piece longer than the ring only its end can stay.
    const rest = bytes.subarray(Math.max(used, bytes.length - this.#tail.length));
    this.#tailBytes += bytes.length - used - rest.length;
    if (rest.length === 0) return;
    const at = this.#tailBytes % this.#tail.length;
    const first = rest.copy(this.#tail, at);
    rest.copy(this.#tail, 0, first);
    this.#tailBytes += rest.length;
  }

  result(): Captured {
    const size = this.#tail.length;
    const cutBytes = Math.max(0, this.#tailBytes - size);
    const at = cutBytes === 0 ? 0 : this.#tailBytes % size;
    const tail = Buffer.concat([
      this.#tail.subarray(at, Math.min(size, this.#tailBytes)),
      this.#tail.subarray(0, at),
    ]);
    const head = this.#head.subarray(0, this.#headBytes);
    if (cutBytes === 0) return { text: Buffer.concat([head, tail]).toString(), cutBytes };
    return { text: `${head}\n[… ${cutBytes} bytes cut …]\n${tail}`, cutBytes };
  }
}
