/**
 * A body that is read by lines, by delimiters, and a little ahead. Those who read are generators: they
 * yield null for as long as they need more of the body, and are gone on with when it has come.
 */
import { tracesErrors } from '../errors.ts';

const EMPTY = Buffer.alloc(0);

export class FormInput {
  #buffer: Buffer = EMPTY;
  #isWhole = false;

  /** What came next; its memory goes on to whoever takes the data. */
  push(piece: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? piece : Buffer.concat([this.#buffer, piece]);
  }

  /** The memory of what came is about to be used again. */
  keepRest(): void {
    if (this.#buffer.length > 0) this.#buffer = Buffer.from(this.#buffer);
  }

  /** Nothing comes any more. */
  end(): void {
    this.#isWhole = true;
  }

  /** The next line with its LF, at most `most` bytes. Throws TRACE_FORM_MALFORMED. */
  *line(most: number): Generator<null, string> {
    for (;;) {
      const end = this.#buffer.indexOf(10);
      if (end >= 0 && end < most) return textOf(this.#take(end + 1));
      if (this.#buffer.length >= most) throw malformed(`a line is longer than ${most} bytes`);
      yield* this.#requireMore();
    }
  }

  /** Everything up to `delimiter`, which is gone past. Throws TRACE_FORM_MALFORMED at the end. */
  *until(delimiter: Buffer): Generator<Buffer | null, void> {
    for (;;) {
      const at = this.#buffer.indexOf(delimiter);
      if (at >= 0) {
        if (at > 0) yield this.#take(at);
        this.#take(delimiter.length);
        return;
      }
      const sure = beforeBeginningOf(delimiter, this.#buffer);
      if (sure > 0) yield this.#take(sure);
      yield* this.#requireMore();
    }
  }

  /** At most `most` bytes that come next, as Latin-1; `isAll` when nothing comes after them. */
  *peek(most: number): Generator<null, { text: string; isAll: boolean }> {
    while (this.#buffer.length <= most && !this.#isWhole) yield null;
    const text = this.#buffer.subarray(0, most).toString('latin1');
    return { text, isAll: this.#buffer.length <= most };
  }

  #take(bytes: number): Buffer {
    const taken = this.#buffer.subarray(0, bytes);
    // Of what is taken whole nothing is held: whoever has it may give its memory back.
    this.#buffer = bytes === this.#buffer.length ? EMPTY : this.#buffer.subarray(bytes);
    return taken;
  }

  *#requireMore(): Generator<null, void> {
    if (this.#isWhole) throw malformed('it ends before its last boundary');
    yield null;
  }
}

/** How many bytes come before what may be the beginning of `delimiter` at the very end: mostly all. */
function beforeBeginningOf(delimiter: Buffer, bytes: Buffer): number {
  let at = Math.max(0, bytes.length - delimiter.length + 1);
  for (;;) {
    at = bytes.indexOf(delimiter[0]!, at);
    if (at < 0) return bytes.length;
    if (bytes.subarray(at).equals(delimiter.subarray(0, bytes.length - at))) return at;
    at++;
  }
}

function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw malformed('a line is not UTF-8');
  return text;
}

function malformed(why: string): Error {
  return tracesErrors.create('TRACE_FORM_MALFORMED', { why });
}
