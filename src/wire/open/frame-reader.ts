/**
 * The framing that tasks and completions share, read as it comes:
 *
 *   head ──"[Name]"──▶ section ──"--begin content--"──▶ content ──"--end content--"──▶ between
 *                       ▲  │ "Key=value"                                                │
 *                       └──┴───────────────────────"[Name]"────────────────────────────┘
 *
 * Framing lines end in LF or CRLF, empty ones are skipped. Content is passed on byte for byte, by
 * `Length` when the section has one. Pure: bytes in, pieces out; what the pieces mean is for
 * others to say.
 */
import { isUtf8 } from 'node:buffer';
import { formatBytes } from '#base';
import { wireErrors } from '../errors.ts';
import { ContentScanner } from './content-scanner.ts';
import type { OpenLimits } from './limits.ts';

export const BEGIN_LINE = '--begin content--';
export const END_LINE = '--end content--';

export type Frame =
  | { readonly kind: 'section'; readonly name: string }
  | { readonly kind: 'field'; readonly key: string; readonly value: string }
  /** `bytes`: as announced by `Length`, or null. */
  | { readonly kind: 'begin'; readonly bytes: number | null }
  | { readonly kind: 'content'; readonly bytes: Buffer }
  | { readonly kind: 'end' };

type State =
  | { readonly at: 'lines' }
  | { readonly at: 'counted'; left: number }
  /** After counted content: one newline may precede the end line. */
  | { readonly at: 'end-line'; newlineSeen: boolean }
  | { readonly at: 'scanned'; readonly scanner: ContentScanner };

const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

export class FrameReader {
  readonly #limits: OpenLimits;
  #state: State = { at: 'lines' };
  /** The beginning of a line whose end has not come yet. */
  #line: Buffer[] = [];
  #lineBytes = 0;
  /** Bytes of the text before what is being looked at. */
  #offset = 0;
  /** Bytes of what was looked at last. */
  #span = 0;
  #taken = 0;
  #sections = 0;
  #sectionName: string | null = null;
  #sectionOpen = false;
  readonly #keys = new Set<string>();
  #length: number | null = null;
  #contentBytes = 0;

  constructor(limits: OpenLimits) {
    this.#limits = limits;
  }

  /**
   * Takes the next bytes. The frames must be taken before the next push. Throws `OPEN_MALFORMED` or
   * `OPEN_TOO_LARGE`; the reader is then spent.
   */
  *push(chunk: Buffer): Generator<Frame, void> {
    this.#taken += chunk.length;
    if (this.#taken > this.#limits.totalBytes) {
      throw this.tooLarge('the whole', formatBytes(this.#limits.totalBytes));
    }
    let rest = chunk;
    while (rest.length > 0) {
      const frames: Frame[] = [];
      rest = this.#step(rest, frames);
      // Before the next step, so that a complaint about them names their place and not a later one.
      yield* frames;
    }
  }

  /** The text is over. Throws `OPEN_MALFORMED` when it stops short of an end line. */
  end(): Frame[] {
    const frames: Frame[] = [];
    this.#advance();
    if (this.#lineBytes > 0) this.#onLine(this.#takeLine(), frames);
    if (this.#state.at === 'scanned') this.#onScanned(this.#state.scanner.finish(), frames);
    this.#advance();
    if (this.#state.at !== 'lines') throw this.malformed(END_LINE, 'the end of the text');
    if (this.#length !== null) throw this.malformed(BEGIN_LINE, 'the end of the text');
    return frames;
  }

  /** An `OPEN_MALFORMED` that names the place the reader has come to. */
  malformed(expected: string, found: string): Error {
    return wireErrors.create('OPEN_MALFORMED', { ...this.#place(), expected, found });
  }

  tooLarge(what: string, limit: string): Error {
    return wireErrors.create('OPEN_TOO_LARGE', { ...this.#place(), what, limit });
  }

  #place(): { offset: number; section: string } {
    const { at } = this.#state;
    const section = this.#sectionName === null ? 'head' : `[${this.#sectionName}]`;
    const number = this.#sections === 0 ? '' : ` ${this.#sections}`;
    const content = at === 'lines' ? '' : ', content';
    return { offset: this.#offset, section: `${section}${number}${content}` };
  }

  /** Consumes some of `data` and returns what is left. */
  #step(data: Buffer, frames: Frame[]): Buffer {
    this.#advance();
    const state = this.#state;
    if (state.at === 'counted') return this.#onCounted(state, data, frames);
    if (state.at === 'scanned') return this.#onScanned(state.scanner.push(data), frames);
    const end = data.indexOf(LF);
    const piece = end < 0 ? data : data.subarray(0, end + 1);
    this.#line.push(piece);
    this.#lineBytes += piece.length;
    this.#boundLine();
    if (end >= 0) this.#onLine(this.#takeLine(), frames);
    return data.subarray(piece.length);
  }

  #advance(): void {
    this.#offset += this.#span;
    this.#span = 0;
  }

  #boundLine(): void {
    const limit = this.#state.at === 'lines' ? this.#limits.lineBytes : END_LINE.length + 2;
    if (this.#lineBytes <= limit) return;
    if (this.#state.at === 'end-line') throw this.malformed(END_LINE, 'other bytes');
    throw this.tooLarge('a line', formatBytes(limit));
  }

  /** The line gathered so far, with its line end. */
  #takeLine(): Buffer {
    const line = this.#line.length === 1 ? this.#line[0]! : Buffer.concat(this.#line);
    this.#line = [];
    this.#lineBytes = 0;
    return line;
  }

  #onLine(raw: Buffer, frames: Frame[]): void {
    const text = decodeLine(raw);
    if (text === undefined) throw this.malformed('a line of UTF-8', 'other bytes');
    if (this.#state.at === 'end-line') this.#onEndLine(this.#state, text, frames);
    else if (text !== '') this.#onFramingLine(text, frames);
    this.#span += raw.length;
  }

  #onFramingLine(text: string, frames: Frame[]): void {
    const equals = text.indexOf('=');
    if (text === BEGIN_LINE) this.#onBegin(frames);
    else if (/^\[[^\]=]+\]$/.test(text)) this.#onSection(text.slice(1, -1), frames);
    else if (equals > 0) this.#onField(text.slice(0, equals), text.slice(equals + 1), frames);
    else throw this.malformed(`[Section], Key=value or ${BEGIN_LINE}`, quote(text));
  }

  #onSection(name: string, frames: Frame[]): void {
    if (this.#length !== null) throw this.malformed(BEGIN_LINE, quote(`[${name}]`));
    if (++this.#sections > this.#limits.sections) {
      throw this.tooLarge('the whole', `${this.#limits.sections} sections`);
    }
    this.#sectionName = name;
    this.#sectionOpen = true;
    this.#keys.clear();
    frames.push({ kind: 'section', name });
  }

  #onField(key: string, value: string, frames: Frame[]): void {
    if (this.#sections > 0 && !this.#sectionOpen) throw this.malformed('[Section]', quote(key));
    if (this.#keys.has(key)) throw this.malformed(`${key}= once`, 'it a second time');
    this.#keys.add(key);
    if (this.#keys.size > this.#limits.fields) {
      throw this.tooLarge('a section', `${this.#limits.fields} fields`);
    }
    if (key === 'Length' && this.#sectionOpen) this.#length = this.#parseLength(value);
    else frames.push({ kind: 'field', key, value });
  }

  #parseLength(value: string): number {
    const bytes = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (!Number.isSafeInteger(bytes)) throw this.malformed('Length=<bytes>', quote(value));
    if (bytes > this.#limits.contentBytes) throw this.#contentTooLarge();
    return bytes;
  }

  #onBegin(frames: Frame[]): void {
    if (!this.#sectionOpen) throw this.malformed('[Section]', BEGIN_LINE);
    frames.push({ kind: 'begin', bytes: this.#length });
    this.#contentBytes = 0;
    if (this.#length === null) this.#state = { at: 'scanned', scanner: new ContentScanner() };
    else if (this.#length === 0) this.#state = { at: 'end-line', newlineSeen: false };
    else this.#state = { at: 'counted', left: this.#length };
  }

  #onCounted(state: { left: number }, data: Buffer, frames: Frame[]): Buffer {
    const bytes = data.subarray(0, state.left);
    this.#passOn(bytes, frames);
    state.left -= bytes.length;
    if (state.left === 0) this.#state = { at: 'end-line', newlineSeen: false };
    return data.subarray(bytes.length);
  }

  #onEndLine(state: { newlineSeen: boolean }, text: string, frames: Frame[]): void {
    if (text === '' && !state.newlineSeen) state.newlineSeen = true;
    else if (text === END_LINE) this.#endContent(frames);
    else throw this.malformed(END_LINE, quote(text));
  }

  #onScanned(
    scanned: { readonly content: Buffer; readonly rest: Buffer | null },
    frames: Frame[],
  ): Buffer {
    this.#passOn(scanned.content, frames);
    if (scanned.rest === null) return NOTHING;
    this.#endContent(frames);
    // The end line may be longer or shorter (LF, CRLF, none): what is left tells where it stops.
    this.#span = this.#taken - scanned.rest.length - this.#offset;
    return scanned.rest;
  }

  #passOn(bytes: Buffer, frames: Frame[]): void {
    if (bytes.length === 0) return;
    this.#contentBytes += bytes.length;
    if (this.#contentBytes > this.#limits.contentBytes) throw this.#contentTooLarge();
    this.#span += bytes.length;
    frames.push({ kind: 'content', bytes });
  }

  #endContent(frames: Frame[]): void {
    frames.push({ kind: 'end' });
    this.#state = { at: 'lines' };
    this.#length = null;
    this.#sectionOpen = false;
  }

  #contentTooLarge(): Error {
    return this.tooLarge('the content', formatBytes(this.#limits.contentBytes));
  }
}

/** Text of a line without its LF or CRLF; undefined when it is no UTF-8. */
function decodeLine(raw: Buffer): string | undefined {
  let end = raw.length;
  if (end > 0 && raw[end - 1] === LF) end--;
  if (end > 0 && raw[end - 1] === 0x0d) end--;
  const line = raw.subarray(0, end);
  return isUtf8(line) ? line.toString('utf8') : undefined;
}

function quote(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(short);
}
