export interface LineHandlers {
  /** A line without its newline. */
  onLine(line: string): void;
  /** Called once; nothing is read after it. */
  onTooLong(): void;
}

const NEWLINE = 0x0a;

/** Cuts a byte stream into UTF-8 lines of bounded length; a last line without newline is dropped. */
export class LineCutter {
  readonly #limitBytes: number;
  readonly #handlers: LineHandlers;
  #pieces: Buffer[] = [];
  #heldBytes = 0;
  #tooLong = false;

  constructor(limitBytes: number, handlers: LineHandlers) {
    this.#limitBytes = limitBytes;
    this.#handlers = handlers;
  }

  push(bytes: Buffer): void {
    let begin = 0;
    while (!this.#tooLong) {
      const end = bytes.indexOf(NEWLINE, begin);
      this.#hold(bytes.subarray(begin, end < 0 ? undefined : end));
      if (end < 0 || this.#tooLong) return;
      const line = Buffer.concat(this.#pieces).toString();
      this.#pieces = [];
      this.#heldBytes = 0;
      begin = end + 1;
      this.#handlers.onLine(line);
    }
  }

  #hold(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#heldBytes += piece.length;
    this.#tooLong = this.#heldBytes > this.#limitBytes;
    if (this.#tooLong) {
      this.#pieces = [];
      this.#handlers.onTooLong();
    } else this.#pieces.push(piece);
  }
}
