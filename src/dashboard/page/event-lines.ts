/**
 * Server-sent events out of pieces of text (WHATWG HTML, 9.2.6), as far as Windrow sends them: lines
 * `data:` between empty ones. Browsers have a reader of their own, which cannot send a token.
 */
const EVENT_MOST_CHARACTERS = 1 << 20;

export class EventLines {
  #rest = '';
  #data: string[] = [];

  /** The data of every event that is whole with this piece. @throws RangeError for one without end */
  take(piece: string): string[] {
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop()!;
    if (this.#rest.length > EVENT_MOST_CHARACTERS) throw new RangeError('an event without end');
    const events: string[] = [];
    for (const line of lines) {
      if (line.startsWith('data:')) this.#data.push(line.slice(line[5] === ' ' ? 6 : 5));
      else if (line === '' && this.#data.length > 0) {
        events.push(this.#data.join('\n'));
        this.#data = [];
      }
    }
    return events;
  }
}
