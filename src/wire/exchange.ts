/**
 * One HTTP request and its answer, with what every user of it needs: one deadline
 * for the whole, abort, a bound on the answer, and every way to fail as a coded error. There is no
 * retrying here: only the caller knows what may be sent twice.
 */
import type { IncomingMessage } from 'node:http';
import {
  CertificateRefused,
  isCertificateFault,
  messageOf,
  parsePin,
  type ServerAddress,
  systemCodeOf,
  WindrowError,
} from '#base';
import { Connections, type Sending, Silent } from './connections.ts';
import { wireErrors } from './errors.ts';
import { cleanText, errorOfProblem } from './problem.ts';

export interface Endpoint {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
  /** Of its certificate, or null. */
  readonly pin: string | null;
  /** Bearer token of every request, or null. */
  readonly token: string | null;
  readonly connections: Connections;
}

export interface EndpointOptions {
  readonly url: string;
  readonly token: string | null;
  readonly connectTimeoutMs?: number;
  /** Requests under way at one time; more wait. */
  readonly connections?: number;
}

export interface Exchange {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query, beginning with a slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | import('node:stream').Readable;
  readonly signal?: AbortSignal | undefined;
  /** Until the answer is complete; 0: no deadline. */
  readonly timeoutMs: number;
  /** Longest pause: while a body is sent, until the answer begins, and within its body. */
  readonly idleTimeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: IncomingMessage;
}

/** Of an answer without a deadline. */
const ANSWER_IDLE_MS = 120_000;
const REFUSAL_BYTES = 64 * 1024;

/** Opens nothing yet: connections are made by the first request and kept alive. */
export function openEndpoint(options: EndpointOptions): Endpoint {
  const { origin: url, pin } = serverAddress(options.url);
  const { token, connections: most = 8, connectTimeoutMs = 10_000 } = options;
  return {
    url,
    pin,
    token,
    connections: new Connections({ origin: url, pin, most, connectTimeoutMs }),
  };
}

/** `http(s)://host[:port]` in its canonical form, without a pin. Throws `SERVER_URL_WRONG`. */
export function serverUrl(text: string): string {
  return serverAddress(text).origin;
}

/** `http(s)://host[:port]`, with https also `#sha256:…` behind it. Throws `SERVER_URL_WRONG`. */
export function serverAddress(text: string): ServerAddress {
  const url = URL.parse(text);
  const wrong = (reason: string) => wireErrors.create('SERVER_URL_WRONG', { url: text, reason });
  if (!url) throw wrong('it is no URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw wrong('it is not http or https');
  // Never shown again: a password in it would end up in logs.
  if (url.username || url.password) {
    throw wireErrors.create('SERVER_URL_WRONG', {
      url: url.host,
      reason: 'it holds a user or password',
    });
  }
  if (url.pathname !== '/' || url.search) throw wrong('it has a path');
  if (url.hash === '') return { origin: url.origin, pin: null };
  const pin = parsePin(url.hash.slice(1));
  if (pin === null) throw wrong('what follows # is no fingerprint like sha256:9F86…');
  if (url.protocol !== 'https:') throw wrong('only https:// addresses have a fingerprint');
  return { origin: url.origin, pin };
}

/**
 * Sends one request and hands its answer to `use`; any status below 400 counts as an answer.
 * Throws the server's own error for a problem, else `SERVER_…` or `EXCHANGE_ABORTED`.
 */
export async function exchange<T>(
  endpoint: Endpoint,
  request: Exchange,
  use: (answer: Answer) => Promise<T>,
): Promise<T> {
  const sent = endpoint.connections.send(sendingOf(endpoint, request));
  const onAbort = () => sent.breakOff(new Aborted());
  const onDeadline = () => sent.breakOff(new Expired());
  const timer = request.timeoutMs > 0 ? setTimeout(onDeadline, request.timeoutMs) : undefined;
  request.signal?.addEventListener('abort', onAbort, { once: true });
  if (request.signal?.aborted) onAbort();
  try {
    const body = await sent.answer;
    const answer = { status: body.statusCode!, headers: body.headers, body };
    if (answer.status >= 300) throw await refusal(endpoint, request, answer);
    return await use(answer);
  } catch (error) {
    throw codedError(endpoint, request, error);
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener('abort', onAbort);
    sent.finish();
  }
}

/** Reads an answer as JSON of at most `limitBytes`; undefined when it has no content. */
export async function readJson(
  endpoint: Endpoint,
  request: Exchange,
  answer: Answer,
  limitBytes: number,
): Promise<unknown> {
  const bytes = await readBody(answer.body, limitBytes);
  if (bytes === undefined) throw tooLarge(endpoint, request, limitBytes);
  if (bytes.length === 0) return undefined;
  const type = String(answer.headers['content-type'] ?? 'nothing');
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(type)) {
    const reason = `${cleanText(type, 100)} instead of application/json`;
    throw malformed(endpoint, request, reason);
  }
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw malformed(endpoint, request, 'broken JSON');
  }
}

/** The whole body, or undefined when it is longer than `limitBytes`. */
async function readBody(
  body: AsyncIterable<Buffer>,
  limitBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > limitBytes) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
}

class Expired extends Error {}
class Aborted extends Error {}

function sendingOf(endpoint: Endpoint, request: Exchange): Sending {
  const { method, path, body = null, timeoutMs, idleTimeoutMs = 0 } = request;
  const headers: Record<string, string> = { 'user-agent': 'windrow', ...request.headers };
  if (endpoint.token !== null) headers.authorization = `Bearer ${endpoint.token}`;
  const answerIdleMs = idleTimeoutMs || (timeoutMs > 0 ? 0 : ANSWER_IDLE_MS);
  return { method, path, headers, body, idleMs: idleTimeoutMs, answerIdleMs };
}

async function refusal(
  endpoint: Endpoint,
  request: Exchange,
  answer: Answer,
): Promise<WindrowError> {
  const bytes = (await readBody(answer.body, REFUSAL_BYTES)) ?? Buffer.alloc(0);
  const error = errorOfProblem(parseOrUndefined(bytes), answer.status);
  const retryAfterS = Number(answer.headers['retry-after']);
  const extra = Number.isFinite(retryAfterS) ? { retryAfterS } : {};
  if (error) {
    const { code, message, todo, status } = error;
    return new WindrowError({ code, message, todo, status, facts: { ...error.facts, ...extra } });
  }
  const text = cleanText(bytes.toString('utf8'), 200);
  return wireErrors.create('SERVER_REFUSED', {
    ...placeOf(endpoint, request),
    status: answer.status,
    reason: /^\s*</.test(text) || text === '' ? 'no reason given' : text,
    ...extra,
  });
}

function parseOrUndefined(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'EADDRNOTAVAIL',
  'ETIMEDOUT',
]);

/** What became of a connection, in words. */
const IN_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'there is no way to this host',
  ENETUNREACH: 'there is no way to its network',
  ETIMEDOUT: 'it takes no connection in time',
};

/** Why a connection ended, in words where there are any. */
export function reasonOf(error: unknown): string {
  const code = deepCodeOf(error);
  return IN_WORDS[code ?? ''] ?? code ?? cleanText(messageOf(error), 200);
}

function codedError(endpoint: Endpoint, request: Exchange, error: unknown): WindrowError {
  if (error instanceof WindrowError) return error;
  const place = placeOf(endpoint, request);
  const code = deepCodeOf(error);
  const reason = reasonOf(error);
  const cause = { cause: error };
  if (error instanceof Aborted) return wireErrors.create('EXCHANGE_ABORTED', place);
  if (error instanceof Expired || error instanceof Silent) {
    const timeoutMs = request.timeoutMs || (request.idleTimeoutMs ?? 0);
    return wireErrors.create('SERVER_SILENT', { ...place, timeoutMs }, cause);
  }
  if (code !== undefined && NOT_CONNECTED.has(code)) {
    return wireErrors.create('SERVER_UNREACHABLE', { url: endpoint.url, reason }, cause);
  }
  const fault = certificateFault(endpoint.url, error);
  if (fault) return fault;
  if (isOtherProtocol(endpoint.url, error, code)) {
    const isTls = endpoint.url.startsWith('https:');
    const facts = { url: endpoint.url, expected: isTls ? 'http' : 'https' };
    return wireErrors.create('SERVER_SCHEME_WRONG', facts, cause);
  }
  if (code?.startsWith('HPE_')) {
    return wireErrors.create('SERVER_ANSWER_MALFORMED', { ...place, reason }, cause);
  }
  return wireErrors.create('SERVER_CONNECTION_LOST', { ...place, reason }, cause);
}

/** What is wrong with the certificate that was shown; null where something else is wrong. */
export function certificateFault(url: string, error: unknown): WindrowError | null {
  if (error instanceof CertificateRefused) return untrusted(url, error);
  const [shown = error] = (error as { errors?: unknown[] } | null)?.errors ?? [];
  if (!isCertificateFault(shown)) return null;
  const reason = systemCodeOf(shown)!;
  return wireErrors.create('SERVER_UNTRUSTED', { url, reason }, { cause: error });
}

function untrusted(url: string, error: CertificateRefused): WindrowError {
  const { code, found } = error;
  const cause = { cause: error };
  if (code === 'ERR_PIN_EXPIRED')
    return wireErrors.create('SERVER_CERTIFICATE_EXPIRED', { url, date: found }, cause);
  return wireErrors.create('SERVER_PIN_MISMATCH', { url, found }, cause);
}

const TLS_ALERT = 21;

/** TLS was spoken to a server without it, or the other way round. */
function isOtherProtocol(url: string, error: unknown, code: string | undefined): boolean {
  if (url.startsWith('https:'))
    return code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG';
  // Where HTTP was expected.
  const { rawPacket } = error as { rawPacket?: Buffer };
  return rawPacket?.[0] === TLS_ALERT;
}

/** A host with several addresses fails with an AggregateError that has the code inside. */
function deepCodeOf(error: unknown): string | undefined {
  const inner = (error as { errors?: unknown[] } | null)?.errors?.[0];
  return systemCodeOf(error) ?? (inner === undefined ? undefined : systemCodeOf(inner));
}

/** Without the query: it may be long, and the open protocol has a secret in it. */
function placeOf(endpoint: Endpoint, request: Exchange) {
  const path = request.path.split('?', 1)[0]!;
  return { url: endpoint.url, method: request.method, path };
}

function malformed(endpoint: Endpoint, request: Exchange, reason: string): WindrowError {
  return wireErrors.create('SERVER_ANSWER_MALFORMED', { ...placeOf(endpoint, request), reason });
}

function tooLarge(endpoint: Endpoint, request: Exchange, limitBytes: number): WindrowError {
  const facts = { ...placeOf(endpoint, request), limitBytes };
  return wireErrors.create('SERVER_ANSWER_TOO_LARGE', facts);
}
