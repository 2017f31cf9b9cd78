/** Files over HTTP, streamed, checked by length and SHA-256; never whole in memory. */
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { type Duplex, pipeline } from 'node:stream';
import { systemCodeOf, WindrowError } from '#base';
import type { Digest } from '#model';
import { WrongLength } from './connections.ts';
import { wireErrors } from './errors.ts';
import { type Answer, type Endpoint, exchange, readJson } from './exchange.ts';

export interface FileDigest {
  readonly bytes: number;
  readonly sha256: Digest;
}

export interface UploadOptions {
  readonly signal?: AbortSignal | undefined;
  /** For the whole transfer; 0: none, only silence is limited. */
  readonly timeoutMs?: number;
  /** Longest time in which nothing moves; two minutes when not given. */
  readonly idleTimeoutMs?: number;
}

export interface DownloadOptions {
  readonly sha256: Digest;
  readonly maxBytes: number;
  /** What turns the bytes that arrive into those of the file. */
  readonly decoder?: Duplex;
  /** Permissions of the file; 0600 when not given. */
  readonly mode?: number;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  /** Longest time in which nothing moves; two minutes when not given. */
  readonly idleTimeoutMs?: number;
}

const READ_BYTES = 256 * 1024;
const UPLOAD_ANSWER_BYTES = 1 << 20;
/** What buffers on a slow way hold is sent in this time after the last byte was taken from us. */
const IDLE_MS = 120_000;

/** Length and SHA-256 of a file as it is now. Throws `FILE_UNUSABLE`. */
export async function digestFile(file: string): Promise<FileDigest> {
  const handle = await openToRead(file);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of handle.createReadStream({ ...STREAM, start: 0 })) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
    return { bytes, sha256: hash.digest('hex') };
  } catch (error) {
    throw unusable(file, 'read', error);
  } finally {
    await handle.close();
  }
}

/**
 * `PUT`s a file with its length and `Repr-Digest` (RFC 9530), and returns the answer's JSON.
 * Throws `FILE_CHANGED` when the file no longer has `expected.bytes`.
 */
export async function uploadFile(
  endpoint: Endpoint,
  path: string,
  file: string,
  expected: FileDigest,
  options: UploadOptions,
): Promise<unknown> {
  const handle = await openToRead(file);
  const body = handle.createReadStream({
    ...STREAM,
    start: 0,
    end: Math.max(0, expected.bytes - 1),
  });
  try {
    const { size } = await handle.stat();
    if (size !== expected.bytes) throw changed(file, expected.bytes, size);
    const request = {
      method: 'PUT' as const,
      path,
      headers: uploadHeaders(expected),
      body: expected.bytes === 0 ? Buffer.alloc(0) : body,
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? 0,
      idleTimeoutMs: options.idleTimeoutMs ?? IDLE_MS,
    };
    return await exchange(endpoint, request, (answer) =>
      readJson(endpoint, request, answer, UPLOAD_ANSWER_BYTES),
    );
  } catch (error) {
    throw uploadError(file, expected.bytes, body.bytesRead, error);
  } finally {
    body.destroy();
    await handle.close();
  }
}

/**
 * `GET`s `path` into `target`: written beside it under a name of its own, verified, made durable,
 * then renamed. A reader sees nothing or the whole file; a failure leaves nothing behind.
 */
export async function downloadFile(
  endpoint: Endpoint,
  path: string,
  target: string,
  options: DownloadOptions,
): Promise<FileDigest> {
  const draft = `${target}.${process.pid}.${randomBytes(6).toString('hex')}.part`;
  const request = {
    method: 'GET' as const,
    path,
    signal: options.signal,
    timeoutMs: options.timeoutMs ?? 0,
    idleTimeoutMs: options.idleTimeoutMs ?? IDLE_MS,
  };
  const handle = await open(draft, 'wx', options.mode ?? 0o600).catch((error) => {
    throw unusable(draft, 'written', error);
  });
  let open_ = true;
  try {
    const got = await exchange(endpoint, request, (answer) =>
      receive(answer, handle, draft, path, options),
    );
    if (got.sha256 !== options.sha256) {
      const facts = { path, expected: `sha256 ${options.sha256}`, found: `sha256 ${got.sha256}` };
      throw wireErrors.create('TRANSFER_DAMAGED', facts);
    }
    await handle.sync();
    await handle.close();
    open_ = false;
    await rename(draft, target);
    return got;
  } catch (error) {
    if (open_) await handle.close();
    await unlink(draft).catch(() => {});
    throw error instanceof WindrowError ? error : unusable(target, 'written', error);
  }
}

export interface OpenedFile {
  /** Of the whole file; null where the server does not say. */
  readonly totalBytes: number | null;
  /** Of its first byte. */
  readonly fromByte: number;
  /** Breaking off its iteration ends the transfer. */
  readonly body: AsyncIterable<Buffer>;
}

/**
 * `GET`s `path` from a byte on, in a version that is the same (RFC 9110, 13.1.5: If-Range). Throws as
 * `exchange` does until the answer begins; then errors come from the body.
 */
export function openFile(
  endpoint: Endpoint,
  path: string,
  options: {
    readonly fromByte: number;
    readonly etag: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<OpenedFile> {
  const { fromByte, etag, signal } = options;
  const headers = fromByte === 0 ? {} : { range: `bytes=${fromByte}-`, 'if-range': etag };
  const request = {
    method: 'GET' as const,
    path,
    headers,
    signal,
    timeoutMs: 0,
    idleTimeoutMs: IDLE_MS,
  };
  return new Promise((resolve, reject) => {
    exchange(endpoint, request, async ({ status, headers, body }) => {
      const closed = new Promise((close) => body.once('close', close));
      body.on('error', () => {}); // whoever reads it gets it too
      resolve({ ...rangeOf(status, headers), body: body as AsyncIterable<Buffer> });
      await closed;
    }).catch(reject);
  });
}

function rangeOf(
  status: number,
  headers: Answer['headers'],
): { totalBytes: number | null; fromByte: number } {
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(String(headers['content-range'] ?? ''));
  if (status === 206 && range) return { fromByte: Number(range[1]), totalBytes: Number(range[2]) };
  const length = headers['content-length'];
  return { fromByte: 0, totalBytes: length === undefined ? null : Number(length) };
}

const STREAM = { highWaterMark: READ_BYTES, autoClose: false } as const;

async function receive(
  answer: Answer,
  handle: FileHandle,
  draft: string,
  path: string,
  { maxBytes: limitBytes, decoder }: DownloadOptions,
): Promise<FileDigest> {
  // Its reader gets the errors of both.
  const source = decoder ? pipeline(answer.body, decoder, () => {}) : answer.body;
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw wireErrors.create('TRANSFER_TOO_LARGE', { path, limitBytes });
    hash.update(chunk);
    await handle.writeFile(chunk).catch((error) => {
      throw unusable(draft, 'written', error);
    });
  }
  return { bytes, sha256: hash.digest('hex') };
}

function uploadHeaders(expected: FileDigest): Record<string, string> {
  const digest = Buffer.from(expected.sha256, 'hex').toString('base64');
  return {
    'content-type': 'application/octet-stream',
    'content-length': String(expected.bytes),
    'repr-digest': `sha-256=:${digest}:`,
  };
}

async function openToRead(file: string): Promise<FileHandle> {
  return await open(file, 'r').catch((error) => {
    throw unusable(file, 'read', error);
  });
}

function uploadError(file: string, expected: number, sent: number, error: unknown): WindrowError {
  if (!(error instanceof WindrowError)) return unusable(file, 'read', error);
  return error.cause instanceof WrongLength ? changed(file, expected, sent) : error;
}

function changed(file: string, expected: number, found: number): WindrowError {
  return wireErrors.create('FILE_CHANGED', { file, expected, found });
}

function unusable(file: string, action: 'read' | 'written', error: unknown): WindrowError {
  const reason = systemCodeOf(error) ?? 'unknown';
  return wireErrors.create('FILE_UNUSABLE', { file, action, reason }, { cause: error });
}
