/**
 * Cuts bytes into lines of UTF-8 text. A line that is too long is cut and marked, and the rest of
 * it is thrown away as it comes, so that memory does not depend on what is sent.
 */
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export class Lines {
  readonly #mostBytes: number;
  readonly #take: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #pending: Buffer[] = [];
  #bytes = 0;
  #droppedBytes = 0;

  constructor(mostBytes: number, take: (line: string) => void) {
    this.#mostBytes = mostBytes;
    this.#take = take;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      this.#add(bytes.subarray(from, at));
      this.end();
      from = at + 1;
    }
    this.#add(bytes.subarray(from));
  }

  /** What has come without a line end is a line too. */
  end(): void {
    if (this.#bytes === 0 && this.#droppedBytes === 0) return;
    const whole = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    const hasReturn = this.#droppedBytes === 0 && whole.at(-1) === CARRIAGE_RETURN;
    const text = this.#decoder.decode(hasReturn ? whole.subarray(0, -1) : whole);
    const mark = this.#droppedBytes === 0 ? '' : `… [${this.#droppedBytes} more bytes]`;
    this.#pending = [];
    this.#bytes = 0;
    this.#droppedBytes = 0;
    this.#take(text + mark);
  }

  /** Bytes of a line that has not ended. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  #add(bytes: Buffer): void {
    const room = this.#mostBytes - this.#bytes;
    if (bytes.length > room) this.#droppedBytes += bytes.length - room;
    const kept = bytes.subarray(0, room);
    if (kept.length === 0) return;
    // A copy: the chunk may be a view of something large.
    this.#pending.push(Buffer.from(kept));
    this.#bytes += kept.length;
  }
}
