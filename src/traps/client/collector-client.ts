/** One collector, as the command line speaks to it. */
import type { z } from 'zod';
import { parsePin, WindrowError } from '#base';
import type { Silence, TrapRecord } from '#model';
import {
  describeIssues,
  type Endpoint,
  type Exchange,
  exchange,
  openEndpoint,
  readJson,
} from '#wire';
import { trapsErrors } from '../errors.ts';
import {
  acknowledged,
  type CollectorView,
  collectorView,
  history,
  silenced,
  type Taken,
  taken,
  unchangedView,
} from './view-schema.ts';

const DEFAULT_PORT = 8980;
const ANSWER_BYTES = 64 << 20;
const CONNECT_MS = 5000;
const TIMEOUT_MS = 15_000;

/** Failures after which it is as if the collector were not there. */
const AWAY = new Set([
  'SERVER_UNREACHABLE',
  'SERVER_CONNECTION_LOST',
  'SERVER_SILENT',
  'SERVER_REFUSED',
]);

/**
 * `HOST`, `HOST:PORT` or a URL, with https also `#sha256:…` behind it → URL, with the pin.
 * @throws WindrowError COLLECTOR_ADDRESS_WRONG
 */
export function collectorUrl(text: string): string {
  const isUrl = /^https?:\/\//i.test(text);
  const url = URL.parse(isUrl ? text : `http://${text}`);
  const isPlain = url && url.pathname === '/' && url.search === '' && url.username === '';
  const hasPin = url?.protocol === 'https:' && parsePin(url.hash.slice(1)) !== null;
  if (!url || !isPlain || url.hostname === '' || (url.hash !== '' && !hasPin)) {
    throw trapsErrors.create('COLLECTOR_ADDRESS_WRONG', { found: text });
  }
  if (!isUrl && url.port === '' && !/:80$/.test(text)) url.port = String(DEFAULT_PORT);
  return `${url.origin}${url.hash}`;
}

export class CollectorClient {
  readonly url: string;
  /** With the pin that it is known by, if it has one. */
  readonly address: string;
  readonly #endpoint: Endpoint;

  /** @param token of changes; null: it only looks and reports */
  constructor(address: string, token: string | null = null) {
    const options = { url: address, token, connectTimeoutMs: CONNECT_MS, connections: 2 };
    this.#endpoint = openEndpoint(options);
    this.url = this.#endpoint.url;
    this.address = address;
  }

  async close(): Promise<void> {
    this.#endpoint.connections.close();
  }

  /** Everything it keeps, or null when nothing changed within `waitMs` since the view that is known. */
  async view(
    known: Pick<CollectorView, 'life' | 'revision'> | null,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<CollectorView | null> {
    const body = known ? { life: known.life, revision: known.revision, waitMs } : {};
    const answer = await this.#ask('/v1/traps/view', body, collectorView.or(unchangedView), {
      timeoutMs: TIMEOUT_MS + waitMs,
      signal,
    });
    return 'unchanged' in answer ? null : answer;
  }

  /** The latest traps of its history, newest first. */
  async history(limit: number): Promise<readonly TrapRecord[]> {
    return (await this.#ask('/v1/traps/history', { limit }, history)).traps;
  }

  async report(traps: readonly object[]): Promise<Taken> {
    return await this.#ask('/v1/traps', { traps }, taken);
  }

  async acknowledge(wish: {
    readonly id: string;
    readonly by: string;
    readonly comment: string;
    readonly withdraw: boolean;
  }): Promise<TrapRecord> {
    return (await this.#ask('/v1/traps/acknowledge', wish, acknowledged)).trap;
  }

  async silence(
    wish: Omit<Silence, 'endsAtMs' | 'createdAtMs'> & { readonly forMs: number },
  ): Promise<Silence> {
    return (await this.#ask('/v1/traps/silence', wish, silenced)).silence;
  }

  async endSilence(id: string): Promise<Silence> {
    return (await this.#ask('/v1/traps/silence/end', { id }, silenced)).silence;
  }

  async #ask<T extends z.ZodType>(
    path: string,
    body: object,
    schema: T,
    {
      timeoutMs = TIMEOUT_MS,
      signal,
    }: { timeoutMs?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<z.output<T>> {
    const request: Exchange = {
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      timeoutMs,
      idleTimeoutMs: timeoutMs,
      signal,
    };
    const json = await this.#exchanged(request);
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    const problems = describeIssues(parsed.error, 'answer').slice(0, 3).join('; ');
    throw this.#malformed(problems);
  }

  #malformed(problems: string): WindrowError {
    return trapsErrors.create('COLLECTOR_ANSWER_MALFORMED', { url: this.url, problems });
  }

  async #exchanged(request: Exchange): Promise<unknown> {
    try {
      return await exchange(this.#endpoint, request, (answer) =>
        readJson(this.#endpoint, request, answer, ANSWER_BYTES),
      );
    } catch (error) {
      if (!(error instanceof WindrowError)) throw error;
      if (error.code === 'SERVER_ANSWER_MALFORMED') throw this.#malformed(error.message);
      if (!AWAY.has(error.code)) throw error;
      const reason = String(error.facts.reason ?? error.message);
      throw trapsErrors.create(
        'COLLECTOR_UNREACHABLE',
        { url: this.url, reason },
        { cause: error },
      );
    }
  }
}
