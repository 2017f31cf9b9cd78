/** What a client sends to `/complete`: sections `[Result]`, each with a name and its content. */
import { type Frame, FrameReader } from './frame-reader.ts';
import { COMPLETION_LIMITS, type OpenLimits } from './limits.ts';
import type { PartSink } from './parts.ts';

/** Longest name of a result or file, in UTF-16 units. */
const NAME_CHARACTERS = 1024;

/**
 * Reads sections into `sink` as they come and returns how many there were. Fields before the
 * first section and unknown fields are ignored, so that a client may mirror the task it was given.
 * Throws `OPEN_MALFORMED`, `OPEN_TOO_LARGE`, or what the source or the sink throws.
 */
export async function readCompletion(
  source: AsyncIterable<Buffer>,
  sink: PartSink,
  limits: OpenLimits = COMPLETION_LIMITS,
): Promise<number> {
  const sections = new ResultSections(new FrameReader(limits), sink);
  for await (const chunk of source) await sections.push(chunk);
  return await sections.end();
}

class ResultSections {
  readonly #reader: FrameReader;
  readonly #sink: PartSink;
  readonly #seen = new Set<string>();
  #inSection = false;
  #name: string | null = null;
  #file = '';
  #count = 0;

  constructor(reader: FrameReader, sink: PartSink) {
    this.#reader = reader;
    this.#sink = sink;
  }

  async push(chunk: Buffer): Promise<void> {
    for (const frame of this.#reader.push(chunk)) await this.#on(frame);
  }

  async end(): Promise<number> {
    for (const frame of this.#reader.end()) await this.#on(frame);
    if (this.#inSection) throw this.#reader.malformed('--begin content--', 'the end of the text');
    if (this.#count === 0) throw this.#reader.malformed('[Result]', 'the end of the text');
    return this.#count;
  }

  #on(frame: Frame): Promise<void> | void {
    switch (frame.kind) {
      case 'section':
        return this.#onSection(frame.name);
      case 'field':
        return this.#onField(frame.key, frame.value);
      case 'begin':
        return this.#onBegin(frame.bytes);
      case 'content':
        return this.#sink.write(frame.bytes);
      case 'end':
        this.#inSection = false;
        this.#count++;
        return this.#sink.end();
    }
  }

  #onSection(name: string): void {
    if (this.#inSection) throw this.#reader.malformed('--begin content--', `[${name}]`);
    if (name !== 'Result') throw this.#reader.malformed('[Result]', `[${name}]`);
    this.#inSection = true;
    this.#name = null;
    this.#file = '';
  }

  #onField(key: string, value: string): void {
    if (key !== 'Name' && key !== 'File') return;
    if (value.length > NAME_CHARACTERS) {
      throw this.#reader.tooLarge(`${key}=`, `${NAME_CHARACTERS} characters`);
    }
    if (key === 'Name') this.#name = value;
    else this.#file = value;
  }

  #onBegin(bytes: number | null): Promise<void> | void {
    const name = this.#name;
    if (name === null || name === '') throw this.#reader.malformed('Name=', 'none');
    // The same name may come with several files: a result can be a pattern.
    const key = `${name}\n${this.#file}`;
    if (this.#seen.has(key)) throw this.#reader.malformed('each result once', `${name} again`);
    this.#seen.add(key);
    return this.#sink.begin({ name, file: this.#file, bytes });
  }
}
