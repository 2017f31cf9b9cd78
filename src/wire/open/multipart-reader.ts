/**
 * `multipart/form-data` (RFC 7578) into the same sink as a plain completion: one part per result
 * name, streamed, in the order sent. Content is bytes whatever the part's headers say of it.
 */
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { formatBytes, messageOf } from '#base';
import { wireErrors } from '../errors.ts';
import { COMPLETION_LIMITS, type OpenLimits } from './limits.ts';
import type { PartHead, PartSink } from './parts.ts';

export function isMultipart(contentType: string | undefined): contentType is string {
  return /^\s*multipart\/form-data\b/i.test(contentType ?? '');
}

/**
 * Reads parts into `sink` and returns how many there were. Throws `OPEN_MULTIPART_MALFORMED`,
 * `OPEN_TOO_LARGE`, or what the source or the sink throws.
 */
export async function readMultipart(
  source: AsyncIterable<Buffer>,
  contentType: string,
  sink: PartSink,
  limits: OpenLimits = COMPLETION_LIMITS,
): Promise<number> {
  const parser = makeParser(contentType, limits);
  const parts = new PartQueue(parser, sink, limits);
  // Feeding and taking wait for each other: a failure of one stops the other, and both are waited
  // for, so that nothing is still writing to the sink when this returns.
  const fail = (error: unknown) => parts.fail(error);
  await Promise.all([feed(parser, parts, source, limits).catch(fail), parts.takeAll().catch(fail)]);
  parser.destroy();
  if (parts.failure) throw parts.failure.error;
  if (parts.count === 0) throw malformed('it has no part');
  return parts.count;
}

interface Arrived {
  readonly head: PartHead;
  readonly stream: BusboyFileStream;
}

/** Parts in the order they came, taken one after the other. */
class PartQueue {
  readonly #sink: PartSink;
  readonly #limits: OpenLimits;
  readonly #arrived: Arrived[] = [];
  readonly #seen = new Set<string>();
  #over = false;
  #failure: { readonly error: unknown } | null = null;
  #wake: () => void = () => {};
  #releaseFeeder: () => void = () => {};
  count = 0;

  constructor(parser: BusboyInstance, sink: PartSink, limits: OpenLimits) {
    this.#sink = sink;
    this.#limits = limits;
    parser.on('file', (name, stream, file) => this.#onPart(name, stream, file));
    parser.on('partsLimit', () => this.fail(tooLarge('the body', `${limits.sections} parts`)));
    parser.on('error', (error: unknown) => this.fail(malformed(messageOf(error))));
    parser.on('finish', () => {
      this.#over = true;
      this.#wake();
    });
  }

  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /** The first failure stands; whoever waits is woken with it. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { stream } of this.#arrived) stream.destroy();
    this.#wake();
    this.#releaseFeeder();
  }

  /** Resolves when the parser has taken the chunk (parts nobody reads yet hold it back) or failed. */
  write(parser: BusboyInstance, chunk: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#releaseFeeder = resolve;
      parser.write(chunk, () => resolve());
    });
  }

  async takeAll(): Promise<void> {
    for (;;) {
      if (this.#failure) throw this.#failure.error;
      const next = this.#arrived[0];
      if (next) await this.#take(next);
      else if (this.#over) return;
      else await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #onPart(name: string | undefined, stream: BusboyFileStream, file: string | undefined): void {
    stream.on('error', (error) => this.fail(malformed(messageOf(error))));
    stream.on('limit', () => {
      this.fail(tooLarge('a part', formatBytes(this.#limits.contentBytes)));
    });
    const key = `${name}\n${file ?? ''}`;
    if (!name) this.fail(malformed('a part has no name'));
    else if (this.#seen.has(key)) this.fail(malformed(`part ${JSON.stringify(name)} comes twice`));
    this.#seen.add(key);
    this.#arrived.push({ head: { name: name ?? '', file: file ?? '', bytes: null }, stream });
    if (this.#failure) stream.destroy();
    this.#wake();
  }

  async #take({ head, stream }: Arrived): Promise<void> {
    await this.#sink.begin(head);
    try {
      for await (const chunk of stream) await this.#sink.write(chunk as Buffer);
    } catch (error) {
      throw this.#failure?.error ?? error;
    }
    // A part that was cut short ends like any other: only the failure tells.
    if (this.#failure) throw this.#failure.error;
    await this.#sink.end();
    this.#arrived.shift();
    this.count++;
  }
}

async function feed(
  parser: BusboyInstance,
  parts: PartQueue,
  source: AsyncIterable<Buffer>,
  limits: OpenLimits,
): Promise<void> {
  let taken = 0;
  for await (const chunk of source) {
    taken += chunk.length;
    if (taken > limits.totalBytes) throw tooLarge('the body', formatBytes(limits.totalBytes));
    await parts.write(parser, chunk);
    if (parts.failure) return;
  }
  parser.end();
}

function makeParser(contentType: string, limits: OpenLimits): BusboyInstance {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      // By default a part without file name is decoded as text, whole in memory.
      isPartAFile: () => true,
      limits: {
        fileSize: limits.contentBytes,
        parts: limits.sections,
        headerPairs: limits.fields,
        headerSize: limits.lineBytes,
      },
    });
  } catch (error) {
    throw malformed(messageOf(error));
  }
}

function malformed(reason: string): Error {
  return wireErrors.create('OPEN_MULTIPART_MALFORMED', { reason });
}

function tooLarge(what: string, limit: string): Error {
  return wireErrors.create('OPEN_TOO_LARGE', { offset: '?', section: 'multipart', what, limit });
}
