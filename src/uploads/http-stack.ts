/** How the tus client speaks HTTP: through undici, whose connections know the certificate's pin. */

import { Readable } from 'node:stream';
import type { HttpRequest, HttpResponse, HttpStack } from 'tus-js-client';
import type { Dispatcher } from 'undici';

/** The other side may read a large file again for its digest before it answers. */
const HEADERS_MS = 900_000;
const ANSWER_BYTES = 64 * 1024;

export class UndiciStack implements HttpStack {
  readonly #dispatcher: Dispatcher;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  createRequest(method: string, url: string): HttpRequest {
    return new Request(method, url, this.#dispatcher);
  }

  getName(): string {
    return 'undici';
  }
}

class Request implements HttpRequest {
  readonly #method: string;
  readonly #url: string;
  readonly #dispatcher: Dispatcher;
  readonly #headers: Record<string, string> = {};
  readonly #aborting = new AbortController();
  #onProgress: (bytesSent: number) => void = () => {};

  constructor(method: string, url: string, dispatcher: Dispatcher) {
    this.#method = method;
    this.#url = url;
    this.#dispatcher = dispatcher;
  }

  getMethod(): string {
    return this.#method;
  }

  getURL(): string {
    return this.#url;
  }

  setHeader(header: string, value: string): void {
    this.#headers[header] = value;
  }

  getHeader(header: string): string | undefined {
    return this.#headers[header];
  }

  setProgressHandler(handler: (bytesSent: number) => void): void {
    this.#onProgress = handler;
  }

  /** `body`: the piece of the file that the tus client cut out, or nothing. */
  async send(body: AsyncIterable<Buffer> | null = null): Promise<HttpResponse> {
    const length = (body as { size?: number } | null)?.size;
    const { origin, pathname, search } = new URL(this.#url);
    const answer = await this.#dispatcher.request({
      origin,
      path: pathname + search,
      method: this.#method as Dispatcher.HttpMethod,
      headers: {
        ...this.#headers,
        ...(length === undefined ? {} : { 'content-length': String(length) }),
      },
      body: body === null ? null : Readable.from(this.#counted(body), { objectMode: false }),
      signal: this.#aborting.signal,
      headersTimeout: HEADERS_MS,
    });
    const text = await bounded(answer.body);
    return new Response(answer.statusCode, answer.headers, text);
  }

  async *#counted(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let sent = 0;
    for await (const piece of body) {
      yield piece;
      sent += piece.length;
      this.#onProgress(sent);
    }
  }

  async abort(): Promise<void> {
    this.#aborting.abort();
  }

  getUnderlyingObject(): null {
    return null;
  }
}

class Response implements HttpResponse {
  readonly #status: number;
  readonly #headers: Record<string, string | string[] | undefined>;
  readonly #body: string;

  constructor(
    status: number,
    headers: Record<string, string | string[] | undefined>,
    body: string,
  ) {
    this.#status = status;
    this.#headers = headers;
    this.#body = body;
  }

  getStatus(): number {
    return this.#status;
  }

  getHeader(header: string): string | undefined {
    const value = this.#headers[header.toLowerCase()];
    return Array.isArray(value) ? value[0] : value;
  }

  getBody(): string {
    return this.#body;
  }

  getUnderlyingObject(): null {
    return null;
  }
}

async function bounded(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > ANSWER_BYTES) break;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
