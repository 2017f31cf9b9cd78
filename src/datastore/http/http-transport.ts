/** `http` and `https`: asks once, and says exactly what was answered. */
import type { Dispatcher } from 'undici';
import type { Clock } from '#base';
import type { StoreEvent } from '../port.ts';
import {
  type Opened,
  type StreamOrder,
  type StreamTransport,
  TransferFailure,
} from '../transport.ts';
import {
  type AnswerHeaders,
  cacheHeaders,
  contentRange,
  digestsIn,
  retryAfterMs,
  validatorsOf,
} from './answer-headers.ts';
import { basicAuthorization, type Credentials } from './credentials.ts';
import { connectionFailure, isPassing } from './failures.ts';
import { Proxies, type ProxyRules, type Way } from './proxies.ts';

const MOST_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** A body that is not wanted is read so far to keep the connection; else that is dropped. */
const DRAINED_BYTES = 128 * 1024;

export interface HttpTimes {
  readonly connectMs: number;
  /** Until the headers are here: from the origin, and through a proxy. */
  readonly answerMs: number;
  readonly proxyAnswerMs: number;
}

export const USUAL_TIMES: HttpTimes = {
  connectMs: 10_000,
  answerMs: 60_000,
  proxyAnswerMs: 15_000,
};

export interface HttpOptions {
  /** Default: http and https. Others need `target`. */
  readonly schemes?: readonly string[];
  /** The http address that stands behind one of `schemes`. */
  target?(url: URL): URL;
  readonly proxies: ProxyRules;
  readonly credentials: Credentials | null;
  /** Further headers that prove who asks, as a signature; never sent elsewhere on redirects. */
  signed?(url: URL, owner: string): Promise<Readonly<Record<string, string>>>;
  readonly times?: Partial<HttpTimes>;
  readonly userAgent: string;
  /** For direct connections, in place of its own; closed with the transport. */
  readonly direct?: Dispatcher;
  readonly clock: Clock;
  readonly random: () => number;
  onEvent(event: StoreEvent): void;
}

type Answer = Dispatcher.ResponseData;

export function openHttpTransport(options: HttpOptions): StreamTransport {
  return new HttpTransport(options);
}

class HttpTransport implements StreamTransport {
  readonly kind = 'stream';
  readonly schemes: readonly string[];
  readonly #options: HttpOptions;
  readonly #times: HttpTimes;
  readonly #proxies: Proxies;
  /** By the proxy they go through; null: directly. */
  readonly #dispatchers = new Map<string | null, Promise<Dispatcher>>();
  #isClosed = false;

  constructor(options: HttpOptions) {
    this.schemes = options.schemes ?? ['http', 'https'];
    this.#options = options;
    this.#times = { ...USUAL_TIMES, ...options.times };
    this.#proxies = new Proxies(options.proxies, options);
    if (options.direct) this.#dispatchers.set(null, Promise.resolve(options.direct));
  }

  originOf(url: URL): string {
    return this.#targetOf(url).origin;
  }

  async open(order: StreamOrder): Promise<Opened> {
    let url = this.#targetOf(order.url);
    // Once a redirect has left the origin nothing is shown to anybody, also not on the way back.
    let isFirstOrigin = true;
    for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
      const secrets = isFirstOrigin ? await this.#secretsFor(url, order) : {};
      const { answer, way } = await this.#ask(url, order, secrets);
      const next = redirectOf(url, answer);
      if (next === null) return this.#opened(url, order, { answer, way, secrets });
      await drain(answer);
      if (next.origin !== url.origin) isFirstOrigin = false;
      url = next;
    }
    throw new TransferFailure('refused', `${url.origin} redirects without end`);
  }

  blame(_url: URL, way: string): void {
    const proxy = this.#proxies.proxyNamed(way);
    if (proxy !== null) this.#proxies.failed(proxy, 'what came through it was cut off or wrong');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const opened = await Promise.allSettled(this.#dispatchers.values());
    const dispatchers = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()));
  }

  #targetOf(url: URL): URL {
    return this.#options.target?.(url) ?? url;
  }

  async #secretsFor(url: URL, order: StreamOrder): Promise<Record<string, string>> {
    const { signed, credentials } = this.#options;
    if (signed) return { ...(await signed(url, order.owner)) };
    if (order.login !== null) return { authorization: basicAuthorization(order.login) };
    const authorization = (await credentials?.authorizationFor(url)) ?? null;
    return authorization === null ? {} : { authorization };
  }

  /** Tries the ways there; a proxy's own failure leads to the next one, the origin's word counts. */
  async #ask(
    url: URL,
    order: StreamOrder,
    secrets: Record<string, string>,
  ): Promise<{ readonly answer: Answer; readonly way: Way }> {
    const ways = this.#proxies.waysTo(url).slice(order.isDirect ? -1 : 0);
    for (const way of ways.slice(0, -1)) {
      const answer = await this.#askBy(way, url, order, secrets).catch((error) => {
        order.signal.throwIfAborted();
        this.#proxies.failed(way.proxy!, connectionFailure(error, 'it').message);
        return null;
      });
      if (answer === null) continue;
      const fault = proxyFault(answer);
      if (fault === null) {
        this.#proxies.worked(way.proxy!);
        return { answer, way };
      }
      if (fault.isItsOwn) this.#proxies.failed(way.proxy!, fault.reason);
      await drain(answer);
    }
    const way = ways.at(-1)!;
    try {
      return { answer: await this.#askBy(way, url, order, secrets), way };
    } catch (error) {
      order.signal.throwIfAborted();
      throw connectionFailure(error, url.origin);
    }
  }

  async #askBy(
    way: Way,
    url: URL,
    order: StreamOrder,
    secrets: Record<string, string>,
  ): Promise<Answer> {
    const { answerMs, proxyAnswerMs } = this.#times;
    const dispatcher = await this.#dispatcherFor(way);
    return await dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: { ...this.#headersOf(order), ...secrets },
      headersTimeout: way.proxy === null ? answerMs : proxyAnswerMs,
      // The floor for slow transfers ends what stalls.
      bodyTimeout: 0,
      signal: order.signal,
    });
  }

  #dispatcherFor({ proxy }: Way): Promise<Dispatcher> {
    if (this.#isClosed) throw new Error('the store is closed');
    const known = this.#dispatchers.get(proxy);
    if (known) return known;
    const opening = openDispatcher(proxy, this.#times.connectMs);
    this.#dispatchers.set(proxy, opening);
    opening.catch(() => this.#dispatchers.delete(proxy));
    return opening;
  }

  #headersOf({ fromByte, ifRange, known }: StreamOrder): Record<string, string> {
    return {
      // Ranges and digests are of the bytes as they lie there.
      'accept-encoding': 'identity',
      'user-agent': this.#options.userAgent,
      ...(fromByte > 0 && ifRange !== null
        ? { range: `bytes=${fromByte}-`, 'if-range': ifRange }
        : {}),
      ...(known?.etag ? { 'if-none-match': known.etag } : {}),
      ...(known?.lastModified ? { 'if-modified-since': known.lastModified } : {}),
    };
  }

  async #opened(
    url: URL,
    order: StreamOrder,
    { answer, way, secrets }: { answer: Answer; way: Way; secrets: Record<string, string> },
  ): Promise<Opened> {
    const { statusCode: status } = answer;
    const headers = answer.headers as AnswerHeaders;
    const told = { headers: cacheHeaders(headers), validators: validatorsOf(headers) };
    const isAsked = order.known !== null;
    if (status === 304 && isAsked) {
      await drain(answer);
      return { kind: 'unchanged', ...told, status, way: way.name };
    }
    if (status === 416 || (status === 206 && !isTheRest(order, headers))) {
      await drain(answer);
      if (order.fromByte > 0) return { kind: 'restart', way: way.name };
    }
    const isWhole = status === 200 || status === 203;
    if (isWhole || (status === 206 && order.fromByte > 0)) {
      return {
        kind: isWhole ? 'whole' : 'part',
        totalBytes: totalOf(headers, isWhole),
        ...told,
        mediaType: headers['content-type']?.slice(0, 200) ?? null,
        digests: digestsIn(headers, isWhole),
        status,
        way: way.name,
        isPrivate: Object.keys(secrets).length > 0,
        endIsProof: headers['transfer-encoding'] !== undefined || hasLength(headers),
        body: bodyOf(answer, url, order.signal),
      };
    }
    await drain(answer);
    throw this.#refusal(url, answer, Object.keys(secrets).length > 0);
  }

  #refusal(url: URL, { statusCode, statusText, headers }: Answer, had: boolean): TransferFailure {
    const again = statusCode === 401 && had && this.#options.credentials?.refused(url) === true;
    const reason = `${url.origin} answered ${statusCode} ${statusText ?? ''}`.trim();
    const shown = had ? 'it was shown the credentials for it' : 'no credentials are known for it';
    const why = statusCode === 401 || statusCode === 403 ? `${reason}; ${shown}` : reason;
    const kind = again || isPassing(statusCode) ? 'again' : 'refused';
    const waitMs = retryAfterMs(headers, this.#options.clock.now());
    return new TransferFailure(kind, why, { status: statusCode, retryAfterMs: waitMs });
  }
}

/** Loaded with the first that is needed: every start of a server is felt, and many fetch nothing. */
async function openDispatcher(proxy: string | null, connectMs: number): Promise<Dispatcher> {
  const { Agent, ProxyAgent } = await import('undici');
  const usual = { connect: { timeout: connectMs }, bodyTimeout: 0 };
  // Without a tunnel, so that the proxy can keep what it fetched; https always has one.
  return proxy === null
    ? new Agent(usual)
    : new ProxyAgent({ uri: proxy, proxyTunnel: false, ...usual });
}

function redirectOf(url: URL, { statusCode, headers }: Answer): URL | null {
  if (!REDIRECTS.has(statusCode)) return null;
  const { location } = headers;
  if (typeof location !== 'string' || !URL.canParse(location, url)) {
    throw new TransferFailure('refused', `${url.origin} redirects to nowhere`);
  }
  const next = new URL(location, url);
  if (next.protocol !== 'http:' && next.protocol !== 'https:') {
    throw new TransferFailure(
      'refused',
      `${url.origin} redirects to ${next.protocol}, which is not followed`,
    );
  }
  next.username = '';
  next.password = '';
  return next;
}

/**
 * What the proxy answered by itself. RFC 9209's Proxy-Status and Squid's own header tell; failures
 * of the origin that a proxy reports are not the proxy's, but the direct way is still worth a try.
 */
function proxyFault({ statusCode, headers }: Answer): { reason: string; isItsOwn: boolean } | null {
  if (statusCode < 400) return null;
  const squid = String(headers['x-squid-error'] ?? '');
  const status = String(headers['proxy-status'] ?? '');
  const isReported = squid !== '' || status !== '' || statusCode === 407;
  if (!isReported) return null;
  const reason = `it answered ${statusCode} ${squid}`.trim();
  return { reason, isItsOwn: !ORIGIN_FAULTS.test(`${squid} ${status}`) };
}

const ORIGIN_FAULTS =
  /ERR_(CONNECT_FAIL|DNS_FAIL|READ_|ZERO_SIZE|LIFETIME|WRITE_)|destination_|dns_|connection_(refused|timeout)|http_response/;

/**
 * A 206 is what was asked for: it begins there, goes to the end, and says that it is of the same
 * version. It has the headers that a 200 would have had (RFC 9110, 15.3.7): one that says nothing
 * of its version may come from an origin that knows no If-Range.
 */
function isTheRest({ fromByte, ifRange }: StreamOrder, headers: AnswerHeaders): boolean {
  const range = contentRange(headers['content-range'] as string | undefined);
  if (range === null || range.first !== fromByte || range.last !== range.total - 1) return false;
  const { etag, lastModified } = validatorsOf(headers);
  return ifRange?.startsWith('"') === true ? etag === ifRange : lastModified === ifRange;
}

function totalOf(headers: AnswerHeaders, isWhole: boolean): number | null {
  if (!isWhole) return contentRange(headers['content-range'] as string | undefined)?.total ?? null;
  return hasLength(headers) ? Number(headers['content-length']) : null;
}

/** With Transfer-Encoding a length does not count (RFC 9112, 6.3). */
function hasLength(headers: AnswerHeaders): boolean {
  const isChunked = headers['transfer-encoding'] !== undefined;
  return !isChunked && /^\d{1,15}$/.test(headers['content-length'] ?? '');
}

async function* bodyOf(
  { body }: Answer,
  url: URL,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const block of body) yield block as Uint8Array;
  } catch (error) {
    signal.throwIfAborted();
    throw connectionFailure(error, url.origin);
  } finally {
    body.destroy();
  }
}

async function drain({ body }: Answer): Promise<void> {
  // Whatever becomes of it: nobody wants it.
  await body.dump({ limit: DRAINED_BYTES }).catch(() => {});
}
