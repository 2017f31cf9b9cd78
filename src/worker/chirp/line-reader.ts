import type { Socket } from 'node:net';

/** What a socket sends, as lines and as counted bytes; no more is held than one piece of it. */
export class LineReader {
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #mostBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  /** @param mostBytes of a line, its end included */
  constructor(socket: Socket, mostBytes: number) {
    this.#pieces = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#mostBytes = mostBytes;
  }

  /** Without its end; null when the socket has ended, `'too long'` is what it says. */
  async line(): Promise<string | null | { readonly tooLong: true }> {
    for (;;) {
      const end = this.#rest.indexOf(0x0a);
      if (end !== -1 && end < this.#mostBytes) {
        const line = this.#rest.subarray(0, end).toString('utf8');
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      if (end !== -1 || this.#rest.length >= this.#mostBytes) return { tooLong: true };
      const piece = await this.#pieces.next();
      if (piece.done) return null;
      this.#rest = Buffer.concat([this.#rest, piece.value]);
    }
  }

  /** The next `count` bytes in pieces; fewer when the socket ends before. */
  async *bytes(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0) {
        const piece = await this.#pieces.next();
        if (piece.done) return;
        this.#rest = piece.value;
      }
      const taken = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(taken.length);
      left -= taken.length;
      yield taken;
    }
  }
}
