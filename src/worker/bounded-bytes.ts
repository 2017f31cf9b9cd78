/** Bytes collected piece by piece; one piece alone, the usual case, is never copied. */
export class GrowingBytes {
  #first: Buffer | null = null;
  #buffer: Buffer | null = null;
  #used = 0;

  get length(): number {
    return this.#used;
  }

  add(piece: Buffer): void {
    if (piece.length === 0) return;
    if (this.#used === 0) {
      this.#first = piece;
      this.#used = piece.length;
      return;
    }
    const buffer = this.#room(piece.length);
    piece.copy(buffer, this.#used);
    this.#used += piece.length;
  }

  #room(more: number): Buffer {
    const need = this.#used + more;
    if (this.#buffer && need <= this.#buffer.length) return this.#buffer;
    const grown = Buffer.allocUnsafeSlow(Math.max(need, 2 * this.#used, 4096));
    (this.#buffer ?? this.#first!).copy(grown, 0, 0, this.#used);
    this.#buffer = grown;
    this.#first = null;
    return grown;
  }

  /** What was collected; nothing is kept after it. */
  take(): Buffer {
    const bytes = this.#first ?? this.#buffer?.subarray(0, this.#used) ?? Buffer.alloc(0);
    this.#first = null;
    this.#buffer = null;
    this.#used = 0;
    return bytes;
  }
}

/** Keeps the first and the last half of `limitBytes` of a stream of any length. */
export class HeadAndTail {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  readonly #head = new GrowingBytes();
  #ring: Buffer | null = null;
  /** Bytes that went to the ring, also those that were overwritten since. */
  #ringBytes = 0;

  constructor(limitBytes: number) {
    this.#headLimit = Math.floor(limitBytes / 2);
    this.#tailLimit = limitBytes - this.#headLimit;
  }

  add(piece: Buffer): void {
    const free = this.#headLimit - this.#head.length;
    if (free >= piece.length) {
      this.#head.add(piece);
      return;
    }
    if (free > 0) this.#head.add(piece.subarray(0, free));
    this.#addToRing(piece.subarray(free));
  }

  #addToRing(piece: Buffer): void {
    const size = this.#tailLimit;
    if (size === 0) {
      this.#ringBytes += piece.length;
      return;
    }
    this.#ring ??= Buffer.allocUnsafeSlow(size);
    // Only a piece's last `size` bytes can stay; where they go follows from all that came before.
    const skipped = Math.max(0, piece.length - size);
    const kept = piece.subarray(skipped);
    const at = (this.#ringBytes + skipped) % size;
    const before = Math.min(kept.length, size - at);
    kept.copy(this.#ring, at, 0, before);
    kept.copy(this.#ring, 0, before);
    this.#ringBytes += piece.length;
  }

  /** Head and tail joined, and how many bytes between them are missing. */
  take(): { bytes: Buffer; cutBytes: number } {
    const head = this.#head.take();
    const ring = this.#ring;
    const cutBytes = Math.max(0, this.#ringBytes - this.#tailLimit);
    if (!ring) return { bytes: head, cutBytes };
    this.#ring = null;
    if (cutBytes === 0) {
      return { bytes: Buffer.concat([head, ring.subarray(0, this.#ringBytes)]), cutBytes };
    }
    const at = this.#ringBytes % this.#tailLimit;
    return { bytes: Buffer.concat([head, ring.subarray(at), ring.subarray(0, at)]), cutBytes };
  }
}
