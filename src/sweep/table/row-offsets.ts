import { tableErrors } from '../errors.ts';
import { MAX_ROWS } from './format.ts';
import { STRIDE } from './table-index.ts';

/** Counts rows and remembers where every 64th begins. */
export class RowOffsets {
  readonly #file: string;
  readonly #offsets: number[] = [];
  #rows = 0;

  constructor(file: string) {
    this.#file = file;
  }

  get rows(): number {
    return this.#rows;
  }

  add(offset: number): void {
    if (this.#rows % STRIDE === 0) this.#offsets.push(offset);
    if (++this.#rows > MAX_ROWS) {
      throw tableErrors.create('TABLE_TOO_MANY_ROWS', { file: this.#file, expected: MAX_ROWS });
    }
  }

  /** The offsets of the first `rows` rows, closed by the offset after the last of them. */
  close(rows: number, end: number): Float64Array {
    const kept = Math.ceil(rows / STRIDE);
    const out = new Float64Array(kept + 1);
    for (let i = 0; i < kept; i++) out[i] = this.#offsets[i]!;
    out[kept] = end;
    return out;
  }
}

/** What the scanner of one format does with the bytes: checks them and notes the rows. */
export interface RowScanner {
  /** Takes the next bytes, valid UTF-8 without NUL, cut only between characters. */
  scan(bytes: Buffer): void;
  end(): { columns: readonly string[]; rows: number; offsets: Float64Array };
  /** The physical line that the next byte belongs to, from 1. */
  readonly line: number;
  /** Known as soon as the header was complete. */
  readonly columns: readonly string[] | undefined;
}
