/** An origin for tests, with every fault that real ones have. It remembers what it was asked. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/** One version of a file. */
export interface Version {
  readonly bytes: Buffer;
  readonly etag?: string;
  readonly lastModified?: string;
}

export interface Asked {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

export type Answer = (request: IncomingMessage, response: ServerResponse, nth: number) => void;

export interface Origin {
  readonly url: string;
  readonly port: number;
  readonly asked: Asked[];
  /** Answers of a path; `nth` counts its requests from 1. */
  on(path: string, answer: Answer): string;
  countOf(path: string): number;
  close(): Promise<void>;
}

/** `bytes` that differ at every place from those of another seed. */
export function bytesOf(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + seed * 7 + (at >> 8)) & 0xff;
  return bytes;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export async function openOrigin(t: TestContext, host = '127.0.0.1'): Promise<Origin> {
  const answers = new Map<string, Answer>();
  const counts = new Map<string, number>();
  const asked: Asked[] = [];
  const server: Server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://origin').pathname;
    asked.push({ path, headers: request.headers });
    const nth = (counts.get(path) ?? 0) + 1;
    counts.set(path, nth);
    const answer = answers.get(path);
    if (answer) answer(request, response, nth);
    else response.writeHead(404).end('no');
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://${host}:${port}`;
  const close = async () => {
    server.closeAllConnections();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  t.after(close);
  return {
    url,
    port,
    asked,
    on: (path, answer) => {
      answers.set(path, answer);
      return `${url}${path}`;
    },
    countOf: (path) => counts.get(path) ?? 0,
    close,
  };
}

/** Sends a version as RFC 9110 has it: ranges, If-Range, conditions. */
export function serve(
  request: IncomingMessage,
  response: ServerResponse,
  version: Version,
  more: Readonly<Record<string, string>> = {},
): void {
  const { bytes, etag, lastModified } = version;
  const headers: Record<string, string> = { 'accept-ranges': 'bytes', ...more };
  if (etag) headers.etag = etag;
  if (lastModified) headers['last-modified'] = lastModified;
  const isKnown =
    (etag !== undefined && request.headers['if-none-match'] === etag) ||
    (etag === undefined &&
      lastModified !== undefined &&
      request.headers['if-modified-since'] === lastModified);
  if (isKnown) {
    response.writeHead(304, headers).end();
    return;
  }
  const from = rangeOf(request, version);
  if (from >= bytes.length && from > 0) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  headers['content-length'] = String(bytes.length - from);
  if (from > 0) headers['content-range'] = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  response.writeHead(from > 0 ? 206 : 200, headers);
  response.end(bytes.subarray(from));
}

export function rangeOf(request: IncomingMessage, { etag, lastModified }: Version): number {
  const [, first] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  const condition = request.headers['if-range'];
  if (first === undefined) return 0;
  return condition === undefined || condition === etag || condition === lastModified
    ? Number(first)
    : 0;
}

/** Announces the whole, sends `sentBytes` of it and drops the connection. */
export function sendShort(
  response: ServerResponse,
  version: Version,
  sentBytes: number,
  more: Readonly<Record<string, string>> = {},
): void {
  const { bytes, etag, lastModified } = version;
  response.writeHead(200, {
    'content-length': String(bytes.length),
    ...(etag ? { etag } : {}),
    ...(lastModified ? { 'last-modified': lastModified } : {}),
    ...more,
  });
  response.write(bytes.subarray(0, sentBytes), () => response.socket?.destroy());
}
