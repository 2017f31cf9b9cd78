/**
 * The command line's way to a server: the user API, typed by its routes. Every answer is checked
 * against its schema; every failure is a coded error, the server's own or one of the exchange.
 */
import { PassThrough, type Readable } from 'node:stream';
import type * as z from 'zod';
import { WindrowError } from '#base';
import { apiErrors } from './api/errors.ts';
import {
  type AnswerOf,
  type BytesAnswer,
  describeIssues,
  fillPath,
  type GivenBodyOf,
  type Route,
} from './api/route.ts';
import { type Api, type ApiOperation, api } from './api.ts';
import { wireErrors } from './errors.ts';
import {
  type Answer,
  type Endpoint,
  type Exchange,
  exchange,
  openEndpoint,
  readJson,
  reasonOf,
} from './exchange.ts';
import { errorOfProblem } from './problem.ts';
import { type FileDigest, type OpenedFile, openFile, uploadFile } from './transfer.ts';
import { BLOB_STORED_HEADER, UPLOADS_PATH } from './upload-path.ts';

export interface ApiClientOptions {
  /** `http(s)://HOST:PORT`. */
  readonly url: string;
  /** The admin token. */
  readonly token: string;
  /** Until a JSON answer is complete; 60 s if not given. */
  readonly timeoutMs?: number;
  /** Ends every call that has no signal of its own, with EXCHANGE_ABORTED. */
  readonly signal?: AbortSignal;
}

export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
  /** Absolute; where it is remembered which uploads were begun, for the next run. */
  readonly memory: string;
  onProgress(sentBytes: number): void;
}

/** Below this, sending all of it again costs less than asking how much has arrived. */
export const RESUMABLE_BYTES = 4 << 20;
const NEVER = new AbortController().signal;

type Values = Readonly<Record<string, string | number | undefined>>;

/** What a call needs: only what its route has. */
export type CallInput<R extends Route> = {
  readonly signal?: AbortSignal | undefined;
  readonly query?: z.input<R['query']> & Values;
} & (keyof R['params']['shape'] extends never ? unknown : { readonly params: Values }) &
  (R['body'] extends null ? unknown : { readonly body: GivenBodyOf<R> });

interface GivenInput {
  readonly signal?: AbortSignal | undefined;
  readonly params?: Values;
  readonly query?: Values;
  readonly body?: unknown;
}

const ANSWER_BYTES = 256 << 20;
/** One line of a stream; a result inlined as base64 is far below it. */
const LINE_BYTES = 16 << 20;
/** The server sends a comment at least every 15 s. */
const EVENT_IDLE_MS = 60_000;

export class ApiClient {
  readonly #endpoint: Endpoint;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;

  /** Throws SERVER_URL_WRONG; connects only when something is asked. */
  constructor(options: ApiClientOptions) {
    this.#endpoint = openEndpoint({ url: options.url, token: options.token, connections: 4 });
    this.#timeoutMs = options.timeoutMs ?? 60_000;
    this.#signal = options.signal;
  }

  /** Ends the calls that have none of their own. */
  get signal(): AbortSignal {
    return this.#signal ?? NEVER;
  }

  get url(): string {
    return this.#endpoint.url;
  }

  /**
   * Asks `operation`. JSON comes checked; lines and events as they arrive; bytes as a stream that
   * the caller must read or destroy.
   */
  async call<Operation extends ApiOperation>(
    operation: Operation,
    input: CallInput<Api[Operation]>,
  ): Promise<AnswerOf<Api[Operation]>> {
    const route: Route = api[operation];
    const request = this.#request(route, input);
    return (await this.#answer(route, request)) as AnswerOf<Api[Operation]>;
  }

  /** Whether the server has the blob already, so that it need not be sent again. */
  async hasBlob(sha256: string, signal?: AbortSignal): Promise<boolean> {
    try {
      await this.call('hasBlob', { params: { sha256 }, signal });
      return true;
    } catch (error) {
      if (error instanceof WindrowError && statusOf(error) === 404) return false;
      throw error;
    }
  }

  /**
   * Sends a file as a blob. A large one goes on behind what arrived when the connection breaks, also
   * with the next call. Throws UPLOAD_BROKE_OFF, FILE_CHANGED, FILE_UNUSABLE.
   */
  async sendBlob(file: string, expected: FileDigest, options: SendOptions): Promise<void> {
    const { sha256, bytes } = expected;
    const signal = options.signal ?? this.signal;
    if (bytes < RESUMABLE_BYTES) {
      const path = fillPath(api.putBlob.path, { sha256 });
      await uploadFile(this.#endpoint, path, file, expected, { signal });
      return;
    }
    await this.#upload(file, bytes, { sha256 }, { ...options, signal });
  }

  /** Stores a file under a key of the server's datastore; goes on and throws as `sendBlob` does. */
  async sendData(
    file: string,
    { sha256, bytes }: FileDigest,
    key: string,
    options: SendOptions,
  ): Promise<void> {
    const signal = options.signal ?? this.signal;
    await this.#upload(file, bytes, { sha256, key }, { ...options, signal });
  }

  /**
   * The bytes of an entry of the server's datastore: from `fromByte` on if it still has that digest,
   * else from the start, or of another version. Reading them throws coded errors.
   */
  async openData(key: string, sha256: string, fromByte: number): Promise<OpenedFile> {
    const path = `${api.readData.path}?${new URLSearchParams({ key })}`;
    const signal = this.#signal;
    const opened = await openFile(this.#endpoint, path, {
      ...{ fromByte, etag: `"${sha256}"`, signal },
    });
    const request = { method: 'GET' as const, path, signal, timeoutMs: 0 };
    return { ...opened, body: this.#coded(request, opened.body) };
  }

  async *#coded(request: Exchange, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* body;
    } catch (error) {
      throw this.#broken(request, error);
    }
  }

  async #upload(
    file: string,
    bytes: number,
    metadata: Readonly<Record<string, string>>,
    options: SendOptions & { readonly signal: AbortSignal },
  ): Promise<void> {
    const { signal } = options;
    const { url, pin, token } = this.#endpoint;
    const { openDispatcher, sendFile, sendingReason } = await import('#uploads');
    const dispatcher = openDispatcher(url, pin);
    try {
      await sendFile({
        ...{ path: file, bytes, metadata, dispatcher, signal },
        ...{ memory: options.memory, onProgress: options.onProgress },
        url: new URL(UPLOADS_PATH, url).href,
        secret: token ?? '',
        answerHeader: BLOB_STORED_HEADER,
      });
    } catch (error) {
      const place = { url, method: 'POST', path: UPLOADS_PATH };
      if (signal.aborted) throw wireErrors.create('EXCHANGE_ABORTED', place, { cause: error });
      const facts = { file, url, reason: sendingReason(error) };
      throw wireErrors.create('UPLOAD_BROKE_OFF', facts, { cause: error });
    } finally {
      await dispatcher.destroy();
    }
  }

  /** Breaks off what is under way and closes every connection. */
  async close(): Promise<void> {
    this.#endpoint.connections.close();
  }

  #request(route: Route, input: GivenInput): Exchange {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(input.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const search = query.size > 0 ? `?${query}` : '';
    const whole = route.answer.kind === 'json' && route.body?.kind !== 'bytes';
    return {
      method: route.method,
      path: fillPath(route.path, input.params ?? {}) + search,
      ...bodyOf(route, input.body),
      signal: input.signal ?? this.#signal,
      // A stream takes as long as it takes; silence within it is limited by the exchange.
      timeoutMs: whole || route.answer.kind === 'empty' ? this.#timeoutMs : 0,
      ...(route.answer.kind === 'events' ? { idleTimeoutMs: EVENT_IDLE_MS } : {}),
    };
  }

  async #answer(route: Route, request: Exchange): Promise<unknown> {
    const answer = route.answer;
    if (answer.kind === 'json') return await this.#json(route, answer.schema, request);
    if (answer.kind === 'lines') return this.#lines(route, answer.schema, request);
    if (answer.kind === 'events') return this.#events(route, answer.schema, request);
    if (answer.kind === 'bytes') return await this.#bytes(request);
    await exchange(this.#endpoint, request, async () => undefined);
    return undefined;
  }

  async #json(route: Route, schema: z.ZodType, request: Exchange): Promise<unknown> {
    const json = await exchange(this.#endpoint, request, (answer) =>
      readJson(this.#endpoint, request, answer, ANSWER_BYTES),
    );
    return this.#checked(route, schema, json);
  }

  async *#lines(route: Route, schema: z.ZodType, request: Exchange): AsyncGenerator<unknown> {
    for await (const line of this.#textLines(request)) {
      if (line === '') continue;
      const json = this.#parsed(route, line);
      throwProblemLine(json);
      yield this.#checked(route, schema, json);
    }
  }

  /** Server-sent events (WHATWG HTML, 9.2): the data lines of a block, up to its empty line. */
  async *#events(route: Route, schema: z.ZodType, request: Exchange): AsyncGenerator<unknown> {
    let data: string[] = [];
    const headers = { ...request.headers, accept: 'text/event-stream' };
    for await (const line of this.#textLines({ ...request, headers })) {
      if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      if (line !== '' || data.length === 0) continue;
      yield this.#checked(route, schema, this.#parsed(route, data.join('\n')));
      data = [];
    }
  }

  async *#textLines(request: Exchange): AsyncGenerator<string> {
    const { stream } = await this.#bytes(request);
    try {
      yield* linesOf(stream, LINE_BYTES, () => this.#invalid(request, 'a line is too long'));
    } finally {
      stream.destroy();
    }
  }

  /**
   * The exchange ends when its `use` does; so `use` lasts until the body is closed. Errors within
   * the body reach whoever reads it, coded as those of the exchange.
   */
  #bytes(request: Exchange): Promise<BytesAnswer> {
    return new Promise((resolve, reject) => {
      exchange(this.#endpoint, request, async (answer) => {
        const length = Number(answer.headers['content-length'] ?? Number.NaN);
        const closed = new Promise<void>((done) => answer.body.once('close', done));
        resolve({
          stream: this.#guarded(request, answer.body),
          bytes: Number.isSafeInteger(length) ? length : null,
        });
        await closed;
      }).catch(reject);
    });
  }

  #guarded(request: Exchange, body: Answer['body']): Readable {
    const stream = new PassThrough();
    // It may break before its reader is there; the reader then finds the error in the stream.
    stream.on('error', () => {});
    body.on('error', (error) => stream.destroy(this.#broken(request, error)));
    stream.once('close', () => body.destroy());
    return body.pipe(stream);
  }

  #broken(request: Exchange, error: unknown): WindrowError {
    const place = { url: this.url, method: request.method, path: pathOf(request) };
    if (request.signal?.aborted) return wireErrors.create('EXCHANGE_ABORTED', place);
    const reason = reasonOf(error);
    return wireErrors.create('SERVER_CONNECTION_LOST', { ...place, reason }, { cause: error });
  }

  #parsed(route: Route, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw this.#invalid(route, 'broken JSON');
    }
  }

  #checked(route: Route, schema: z.ZodType, json: unknown): unknown {
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    throw this.#invalid(route, describeIssues(parsed.error, 'answer').slice(0, 5).join('; '));
  }

  #invalid(place: { method: string; path: string }, problems: string): WindrowError {
    const facts = { url: this.url, method: place.method, path: pathOf(place), problems };
    return apiErrors.create('API_ANSWER_INVALID', facts);
  }
}

/** What failed after an answer of lines began is told by its last line, `{"error": problem}`. */
function throwProblemLine(json: unknown): void {
  const { error } = (json ?? {}) as { error?: unknown };
  const status = Number((error as { status?: unknown } | null | undefined)?.status);
  const told = errorOfProblem(error, status >= 400 && status <= 599 ? status : 500);
  if (told) throw told;
}

function bodyOf(route: Route, body: unknown): Pick<Exchange, 'body' | 'headers'> {
  if (route.body === null) return {};
  if (route.body.kind === 'json') {
    return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  }
  const bytes = body instanceof Uint8Array ? Buffer.from(body) : (body as Readable);
  return { body: bytes, headers: { 'content-type': route.body.media } };
}

/** Of the answer; one without a problem in it (as to HEAD) is kept among the facts. */
function statusOf(error: WindrowError): unknown {
  return error.code === 'SERVER_REFUSED' ? error.facts.status : error.status;
}

/** Without the query, which may be long. */
function pathOf(place: { path: string }): string {
  return place.path.split('?', 1)[0]!;
}

/** Lines of UTF-8 text without their ends; `tooLong` makes the error for a line over the limit. */
async function* linesOf(
  stream: Readable,
  mostBytes: number,
  tooLong: () => Error,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of stream) {
    const pieces = (pending + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
    pending = pieces.pop() ?? '';
    if (pending.length > mostBytes) throw tooLong();
    for (const line of pieces) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (pending !== '') yield pending;
}
