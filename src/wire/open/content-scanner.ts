/**
 * Content of unknown length: it ends at the newline before the first line that is exactly
 * `--end content--`. That newline is no content. The line may end in LF, CRLF or with the body.
 */
const END = Buffer.from('\n--end content--');
const LF = 0x0a;
const CR = 0x0d;

export interface Scanned {
  /** Bytes that are content for certain. */
  readonly content: Buffer;
  /** What follows the end line, or null when the end has not come yet. */
  readonly rest: Buffer | null;
}

export class ContentScanner {
  // The line before, `--begin content--`, ended in a newline too: with it put back in front, empty
  // content needs no rule of its own. It is dropped again by #drop.
  #held: Buffer = Buffer.from('\n');
  #drop = 1;

  /** Takes the next bytes; holds back at most the 17 that may belong to the end line. */
  push(chunk: Buffer): Scanned {
    return this.#scan(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]), false);
  }

  /** The body is over: an end line may lack its line end. */
  finish(): Scanned {
    return this.#scan(this.#held, true);
  }

  #scan(data: Buffer, over: boolean): Scanned {
    let from = 0;
    for (;;) {
      const at = data.indexOf(END, from);
      if (at < 0) return this.#keep(data, over ? data.length : holdFrom(data));
      const next = lineEndAfter(data, at + END.length, over);
      if (next === 'unknown') return this.#keep(data, at);
      if (next !== 'none') return { content: this.#take(data, at), rest: data.subarray(next) };
      from = at + 1;
    }
  }

  #keep(data: Buffer, from: number): Scanned {
    const content = this.#take(data, from);
    this.#held = data.subarray(from);
    return { content, rest: null };
  }

  #take(data: Buffer, end: number): Buffer {
    const start = Math.min(this.#drop, end);
    this.#drop -= start;
    return data.subarray(start, end);
  }
}

/** Where the line that may be the end line stops; 'none' when it is another line. */
function lineEndAfter(data: Buffer, at: number, over: boolean): number | 'unknown' | 'none' {
  if (at === data.length) return over ? at : 'unknown';
  if (data[at] === LF) return at + 1;
  if (data[at] !== CR) return 'none';
  if (at + 1 === data.length) return over ? at + 1 : 'unknown';
  return data[at + 1] === LF ? at + 2 : 'none';
}

/** Start of the longest end of `data` that is a beginning of the end line. */
function holdFrom(data: Buffer): number {
  const at = data.lastIndexOf(LF);
  const tail = data.length - at;
  const mayBeEnd = at >= 0 && tail < END.length && data.compare(END, 0, tail, at) === 0;
  return mayBeEnd ? at : data.length;
}
