/** A body that is read by lines, by delimiters, and a little ahead. */
import { tracesErrors } from '../errors.ts';

const EMPTY = Buffer.alloc(0);

export class FormInput {
  readonly #pieces: AsyncIterator<Buffer>;
  #buffer: Buffer = EMPTY;
  #ended = false;

  constructor(body: AsyncIterable<Buffer>) {
    this.#pieces = body[Symbol.asyncIterator]();
  }

  /** The next line with its LF, at most `most` bytes. Throws TRACE_FORM_MALFORMED. */
  async line(most: number): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf(10);
      if (end >= 0 && end < most) return textOf(this.#take(end + 1));
      if (this.#buffer.length >= most) throw malformed(`a line is longer than ${most} bytes`);
      await this.#requireMore();
    }
  }

  /** Everything up to `delimiter`, which is gone past. Throws TRACE_FORM_MALFORMED at the end. */
  async *until(delimiter: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#buffer.indexOf(delimiter);
      if (at >= 0) {
        if (at > 0) yield this.#take(at);
        this.#take(delimiter.length);
        return;
      }
      const sure = this.#buffer.length - delimiter.length + 1;
      if (sure > 0) yield this.#take(sure);
      await this.#requireMore();
    }
  }

  /** At most `most` bytes that come next, as Latin-1; `isAll` when nothing comes after them. */
  async peek(most: number): Promise<{ text: string; isAll: boolean }> {
    while (this.#buffer.length <= most && (await this.#more()));
    const text = this.#buffer.subarray(0, most).toString('latin1');
    return { text, isAll: this.#buffer.length <= most };
  }

  #take(bytes: number): Buffer {
    const taken = this.#buffer.subarray(0, bytes);
    this.#buffer = this.#buffer.subarray(bytes);
    return taken;
  }

  async #requireMore(): Promise<void> {
    if (!(await this.#more())) throw malformed('it ends before its last boundary');
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const next = await this.#pieces.next();
    if (next.done) {
      this.#ended = true;
      return false;
    }
    this.#buffer =
      this.#buffer.length === 0 ? next.value : Buffer.concat([this.#buffer, next.value]);
    return true;
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
