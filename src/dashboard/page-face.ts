/**
 * The files of the web page on the server's address. They hold no secret and tell nothing, so they
 * need no token; what the page shows it asks of the API with the token of its user.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { systemReasonOf, WindrowError } from '#base';
import { PROBLEM_TYPE, problemOf } from '#wire';
import { dashboardErrors } from './errors.ts';

const ASSETS = '/assets/';
const INDEX = 'index.html';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
/** For a browser to take more of an answer. */
const ANSWER_TIMEOUT_MS = 30_000;
/** Names of assets hold the digest of what is in them. */
const FOR_EVER = 'public, max-age=31536000, immutable';

/**
 * Nothing but the page's own files is loaded, run or asked; nobody may frame it; no text becomes code
 * or markup, not even through a fault of the page (`require-trusted-types-for`).
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const GUARDS = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
} as const;

interface PageFile {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Buffer;
  readonly gzip: Buffer;
}

export class PageFace {
  readonly #folder: string;
  /** Read when the first browser comes; a server that nobody looks at holds nothing. */
  #files: ReadonlyMap<string, PageFile> | null = null;

  /** @param folder what scripts/build-page.mjs made */
  constructor(folder = fileURLToPath(new URL('../../build/page', import.meta.url))) {
    this.#folder = folder;
  }

  isMeant(path: string, method: string): boolean {
    const isRead = method === 'GET' || method === 'HEAD';
    return isRead && (path === '/' || path.startsWith(ASSETS));
  }

  /** Answers. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    response.setTimeout(ANSWER_TIMEOUT_MS, () => response.destroy());
    request.resume();
    const path = request.url?.split('?', 1)[0] ?? '/';
    try {
      const file = this.#find(path);
      answer(file, path === '/' ? 'no-cache' : FOR_EVER, request, response);
    } catch (error) {
      refuse(error, request, response);
    }
  }

  /** @throws WindrowError PAGE_NOT_BUILT, PAGE_FILE_UNKNOWN */
  #find(path: string): PageFile {
    this.#files ??= readPage(this.#folder);
    const file = this.#files.get(path === '/' ? INDEX : path.slice(ASSETS.length));
    if (file && (path === '/' || !path.endsWith(INDEX))) return file;
    throw dashboardErrors.create('PAGE_FILE_UNKNOWN', { path: path.slice(0, 100) });
  }
}

/** By name. Only what lies there is ever served: no path comes from outside. */
function readPage(folder: string): Map<string, PageFile> {
  try {
    return new Map(readdirSync(folder).map((name) => [name, readPageFile(join(folder, name))]));
  } catch (error) {
    const reason = `${folder}: ${systemReasonOf(error)}`;
    throw dashboardErrors.create('PAGE_NOT_BUILT', { reason }, { cause: error });
  }
}

function readPageFile(path: string): PageFile {
  const bytes = readFileSync(path);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`;
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  return { type, etag, bytes, gzip: gzipSync(bytes) };
}

function answer(
  { type, etag, bytes, gzip }: PageFile,
  caching: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const headers: OutgoingHttpHeaders = {
    ...GUARDS,
    ETag: etag,
    'Cache-Control': caching,
    Vary: 'Accept-Encoding',
  };
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const isSmall = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  const body = isSmall ? gzip : bytes;
  if (isSmall) headers['Content-Encoding'] = 'gzip';
  response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function refuse(error: unknown, request: IncomingMessage, response: ServerResponse): void {
  if (!(error instanceof WindrowError)) return void response.destroy();
  const body = Buffer.from(JSON.stringify(problemOf(error)));
  response.writeHead(error.status, {
    ...GUARDS,
    'Content-Type': PROBLEM_TYPE,
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
