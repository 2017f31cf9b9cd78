/**
 * A worker's or a command's way to its server: keep-alive HTTP with a bearer token. Each method
 * sends one request and either returns a checked answer or throws a `WindrowError`: the server's
 * own (same code, message, todo and facts), or `SERVER_UNREACHABLE`, `SERVER_CONNECTION_LOST`,
 * `SERVER_SILENT`, `EXCHANGE_ABORTED` and the like when none came.
 */
import { createZstdDecompress } from 'node:zlib';
import type { Digest, Ticket } from '#model';
import { briefSync } from './brief-sync.ts';
import { type ClientOffer, parseClientOffer } from './client-offer.ts';
import { type Endpoint, type Exchange, exchange, openEndpoint, readJson } from './exchange.ts';
import type { RenewRequest, SyncRequest, SyncResponse } from './sync.ts';
import { parseSyncResponse } from './sync-answer-schema.ts';
import {
  type DownloadOptions,
  downloadFile,
  type FileDigest,
  type OpenedFile,
  openFile,
  type UploadOptions,
  uploadFile,
} from './transfer.ts';

export interface ServerClientOptions {
  /** `http://HOST:PORT` or `https://HOST:PORT`. */
  readonly url: string;
  /** The session or admin token. */
  readonly session: string;
  readonly connectTimeoutMs?: number;
  /** Until an answer is complete, where a call gives no time of its own. */
  readonly timeoutMs?: number;
  /** Longest JSON answer that is read. */
  readonly maxAnswerBytes?: number;
  /** Requests under way at one time; more wait. */
  readonly connections?: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/** How long past the agreed wait a long poll may stay unanswered. */
const POLL_MARGIN_MS = 15_000;

export class ServerClient {
  readonly #endpoint: Endpoint;
  readonly #timeoutMs: number;
  readonly #maxAnswerBytes: number;

  /** Throws `SERVER_URL_WRONG`; connects only when something is sent. */
  constructor(options: ServerClientOptions) {
    this.#endpoint = openEndpoint({ ...options, token: options.session });
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#maxAnswerBytes = options.maxAnswerBytes ?? 256 * 1024 * 1024;
  }

  /** The server's address in its canonical form. */
  get url(): string {
    return this.#endpoint.url;
  }

  /** `POST /sync`: the answer may be as long in coming as `request.waitMs` allows. */
  async sync(request: SyncRequest, options: CallOptions = {}): Promise<SyncResponse> {
    const timeoutMs = options.timeoutMs ?? request.waitMs + POLL_MARGIN_MS;
    const answer = await this.postJson('/sync', briefSync(request), { ...options, timeoutMs });
    return parseSyncResponse(answer, request.version);
  }

  /** `POST /renew`: renews the leases of all the worker holds. */
  async renew(request: RenewRequest, options: CallOptions = {}): Promise<void> {
    await this.postJson('/renew', request, options);
  }

  /** `PUT /parts/<ticket>/<index>`: sends a part before the end that names it. */
  async uploadPart(
    ticket: Ticket,
    index: number,
    file: string,
    expected: FileDigest,
    options: UploadOptions = {},
  ): Promise<void> {
    await this.uploadFile(`/parts/${ticket}/${index}`, file, expected, options);
  }

  /** `GET /blobs/<sha256>` from a byte on; the answer may begin at byte 0 all the same. */
  async openBlob(sha256: Digest, fromByte: number, signal?: AbortSignal): Promise<OpenedFile> {
    return await openFile(this.#endpoint, `/blobs/${sha256}`, {
      fromByte,
      etag: `"${sha256}"`,
      signal,
    });
  }

  /** `GET /client/<platform>`: the executable that the server has for its workers. */
  async describeClient(platform: string, options: CallOptions = {}): Promise<ClientOffer> {
    return parseClientOffer(await this.getJson(`/client/${platform}`, options));
  }

  /** `GET /client/<platform>/<sha256>` into `target`, in the smallest form that is kept there. */
  async fetchClient(
    platform: string,
    { sha256, encodings }: ClientOffer,
    target: string,
    options: DownloadOptions,
  ): Promise<FileDigest> {
    const path = `/client/${platform}/${sha256}`;
    if (!encodings.includes('zstd')) return await this.downloadFile(path, target, options);
    const decoder = createZstdDecompress();
    return await this.downloadFile(`${path}?encoding=zstd`, target, { ...options, decoder });
  }

  /** The JSON that `path` answers, unchecked; undefined for an answer without content. */
  async getJson(path: string, options: CallOptions = {}): Promise<unknown> {
    return await this.#json({ method: 'GET', path }, options);
  }

  async postJson(path: string, body: unknown, options: CallOptions = {}): Promise<unknown> {
    return await this.#json({ method: 'POST', path, ...jsonBody(body) }, options);
  }

  async uploadFile(
    path: string,
    file: string,
    expected: FileDigest,
    options: UploadOptions = {},
  ): Promise<unknown> {
    return await uploadFile(this.#endpoint, path, file, expected, options);
  }

  async downloadFile(path: string, target: string, options: DownloadOptions): Promise<FileDigest> {
    return await downloadFile(this.#endpoint, path, target, options);
  }

  /** Breaks off what is under way (`SERVER_CONNECTION_LOST`) and closes every connection. */
  async close(): Promise<void> {
    this.#endpoint.connections.close();
  }

  async #json(request: Omit<Exchange, 'timeoutMs'>, options: CallOptions): Promise<unknown> {
    const timed = {
      ...request,
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? this.#timeoutMs,
    };
    return await exchange(this.#endpoint, timed, (answer) =>
      readJson(this.#endpoint, timed, answer, this.#maxAnswerBytes),
    );
  }
}

function jsonBody(body: unknown): Pick<Exchange, 'body' | 'headers'> {
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}
