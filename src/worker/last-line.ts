import { stripVTControlCharacters } from 'node:util';

const MAX_CHARACTERS = 500;
/** A character takes at most four bytes of UTF-8; the rest of a longer line is never looked at. */
const MAX_BYTES = 4 * MAX_CHARACTERS;
const NEWLINE = 10;

/** Remembers the last line of a stream that shows anything. */
export class LastLine {
  #last = '';
  /** Beginning of the line that has not ended yet. */
  #open: Buffer = Buffer.alloc(0);

  add(piece: Buffer): void {
    const newline = piece.lastIndexOf(NEWLINE);
    if (newline < 0) {
      this.#extend(piece);
      return;
    }
    this.#last = this.#lastEnded(piece.subarray(0, newline)) || this.#last;
    this.#open = Buffer.alloc(0);
    this.#extend(piece.subarray(newline + 1));
  }

  #extend(piece: Buffer): void {
    const room = MAX_BYTES - this.#open.length;
    if (room <= 0 || piece.length === 0) return;
    this.#open = Buffer.concat([this.#open, piece.subarray(0, room)]);
  }

  /** `ended` is what precedes a newline; its first line continues the open one. */
  #lastEnded(ended: Buffer): string {
    let end = ended.length;
    for (;;) {
      const start = end === 0 ? 0 : ended.lastIndexOf(NEWLINE, end - 1) + 1;
      const line = ended.subarray(start, Math.min(end, start + MAX_BYTES));
      if (start === 0) return visible(Buffer.concat([this.#open, line]));
      const text = visible(line);
      if (text !== '') return text;
      end = start - 1;
    }
  }

  text(): string {
    return visible(this.#open) || this.#last;
  }
}

/** What a line shows: valid UTF-8, no escape sequences or control characters, trimmed, bounded. */
function visible(line: Buffer): string {
  if (line.length === 0) return '';
  const text = stripVTControlCharacters(line.subarray(0, MAX_BYTES).toString());
  const plain = text.replace(/[\p{Cc}\p{Cs}]/gu, '').trim();
  if (plain.length <= MAX_CHARACTERS) return plain;
  // Never half of a surrogate pair.
  return plain
    .slice(0, MAX_CHARACTERS)
    .toWellFormed()
    .replace(/\ufffd$/, '');
}
