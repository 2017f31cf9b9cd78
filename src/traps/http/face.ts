/**
 * The collector's HTTP face, over plain `node:http`: monitors by the thousand ask for the same few
 * bytes, and a framework would take longer than the answer. In this order, for every request: the
 * address, the method, whether it is a page that asks, the place, the body.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf, WindrowError } from '#base';
import { bearerToken, PROBLEM_TYPE, problemOf } from '#wire';
import { trapsErrors } from '../errors.ts';
import type { XmlRpcDesk } from '../xmlrpc/desk.ts';
import { FAULT } from '../xmlrpc/fault.ts';
import { writeFault } from '../xmlrpc/writer.ts';
import type { Access } from './access.ts';
import type { JsonDesk, JsonRoute } from './json-desk.ts';
import { type BodyOutcome, readBody } from './read-body.ts';

export interface FaceParts {
  readonly access: Access;
  readonly xmlRpc: XmlRpcDesk;
  readonly json: JsonDesk;
  /** Whether it is the admin token; null: there is none. */
  readonly isToken: ((candidate: string) => boolean) | null;
  /** Counts a refused request as one report. */
  readonly refuse: (fate: 'denied' | 'malformed' | 'dropped') => void;
  readonly onFault: (error: unknown) => void;
  /** Until the last byte of a body; 10 s if not given. */
  readonly bodyTimeoutMs?: number;
  /** For a client to take more of its answer; 30 s if not given. */
  readonly answerTimeoutMs?: number;
}

const XML_PATHS = new Set(['/', '/RPC2']);
const XML_MOST_BYTES = 1 << 20;
const BODY_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 30_000;
/** Of bodies that are on their way or being answered, all together. */
const BODIES_MOST_BYTES = 64 << 20;
const REQUESTS_MOST = 1024;
/** Connections that are only there to be refused: they must not take the places of monitors. */
const STRANGERS_MOST = 128;
/** How long a connection may go on sending what is not read any more. */
const LINGER_MS = 2000;

export class TrapFace {
  readonly #parts: FaceParts;
  readonly #timeoutMs: number;
  readonly #answerTimeoutMs: number;
  #requests = 0;
  #bodyBytes = 0;
  #strangers = 0;

  constructor(parts: FaceParts) {
    this.#parts = parts;
    this.#timeoutMs = parts.bodyTimeoutMs ?? BODY_TIMEOUT_MS;
    this.#answerTimeoutMs = parts.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  }

  /** Whether a request is one for this face, where it shares a port with others. */
  isMeant(path: string, method: string): boolean {
    return XML_PATHS.has(path) ? method === 'POST' : this.#parts.json.routes.has(path);
  }

  /** Counts connections of those who are refused anyway; false when there are enough of them. */
  admit(socket: Socket): boolean {
    if (!this.#parts.access.isStranger(socket.remoteAddress)) return true;
    if (this.#strangers >= STRANGERS_MOST) {
      this.#parts.refuse('denied');
      return false;
    }
    this.#strangers++;
    socket.once('close', () => this.#strangers--);
    return true;
  }

  /** Answers. Never rejects. @param asks it waits to be told that it may send its body */
  async handle(request: IncomingMessage, response: ServerResponse, asks = false): Promise<void> {
    response.on('error', () => {});
    const path = pathOf(request);
    const refusal = this.#refusal(request, path);
    if (refusal) return this.#refuse(request, response, refusal);
    if (asks) response.writeContinue();
    this.#requests++;
    response.once('close', () => this.#requests--);
    const route = this.#parts.json.routes.get(path);
    try {
      if (route) await this.#json(route, request, response);
      else await this.#xml(request, response);
    } catch (error) {
      this.#parts.onFault(error);
      response.destroy();
    }
  }

  #refusal(request: IncomingMessage, path: string): WindrowError | null {
    const forwarded = request.headers['x-forwarded-for'];
    const hops = Array.isArray(forwarded) ? forwarded.join(',') : forwarded;
    const { address, isAllowed } = this.#parts.access.judge(request.socket.remoteAddress, hops);
    if (!isAllowed) return trapsErrors.create('TRAP_ADDRESS_DENIED', { address });
    if (request.method !== 'POST') {
      return trapsErrors.create('TRAP_METHOD_WRONG', { method: request.method ?? '' });
    }
    const page = pageOf(request);
    if (page !== null && !this.#hasToken(request)) {
      return trapsErrors.create('TRAP_PAGE_DENIED', { page: page.slice(0, 100) });
    }
    const isKnown = XML_PATHS.has(path) || this.#parts.json.routes.has(path);
    if (!isKnown) {
      return trapsErrors.create('TRAP_ROUTE_UNKNOWN', { path: path.slice(0, 100) });
    }
    const isFull = this.#requests >= REQUESTS_MOST || this.#bodyBytes >= BODIES_MOST_BYTES;
    return isFull ? trapsErrors.create('TRAP_BUSY') : null;
  }

  #hasToken({ headers }: IncomingMessage): boolean {
    const token = bearerToken(headers.authorization);
    return token !== undefined && this.#parts.isToken?.(token) === true;
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: WindrowError): void {
    if (error.status === 403) this.#parts.refuse('denied');
    if (error.status === 503) this.#parts.refuse('dropped');
    const more =
      error.status === 405 ? { Allow: 'POST' } : error.status === 503 ? { 'Retry-After': '1' } : {};
    request.on('error', () => {}).resume();
    dropRest(request, response, this.#timeoutMs);
    this.#sendProblem(response, error, more);
  }

  async #xml(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const outcome = await this.#body(request, XML_MOST_BYTES);
    if (outcome.kind === 'broken') return void response.destroy();
    dropRest(request, response, this.#timeoutMs);
    const body =
      outcome.kind === 'whole'
        ? this.#parts.xmlRpc.answer(outcome.bytes, charsetOf(request))
        : XML_REFUSALS[outcome.kind]();
    this.#send(response, 200, 'text/xml; charset=utf-8', body);
  }

  async #json(route: JsonRoute, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const outcome = await this.#body(request, route.mostBytes);
    if (outcome.kind === 'broken') return void response.destroy();
    dropRest(request, response, this.#timeoutMs);
    try {
      const json = parsed(outcome, request, route.mostBytes);
      const answer = await route.handle(json, request);
      this.#send(response, answer.status, 'application/json', answer.json);
    } catch (error) {
      const known = this.#known(error);
      if (known.status < 500 && known.status !== 401) this.#countMalformed(known);
      this.#sendProblem(response, known);
    }
  }

  /** Reports that were read one by one are counted already. */
  #countMalformed({ code }: WindrowError): void {
    if (
      code === 'TRAP_REQUEST_MALFORMED' ||
      code.startsWith('TRAP_BODY') ||
      code === 'TRAP_MEDIA_TYPE_WRONG'
    ) {
      this.#parts.refuse('malformed');
    }
  }

  #known(error: unknown): WindrowError {
    if (error instanceof WindrowError) return error;
    this.#parts.onFault(error);
    return trapsErrors.create('TRAP_FAULT', { reason: messageOf(error) });
  }

  async #body(request: IncomingMessage, mostBytes: number): Promise<BodyOutcome> {
    const expected = Math.min(mostBytes, Number(request.headers['content-length'] ?? mostBytes));
    this.#bodyBytes += expected;
    try {
      return await readBody(request, { mostBytes, timeoutMs: this.#timeoutMs });
    } finally {
      this.#bodyBytes -= expected;
    }
  }

  #sendProblem(response: ServerResponse, error: WindrowError, headers = NO_HEADERS): void {
    this.#send(response, error.status, PROBLEM_TYPE, JSON.stringify(problemOf(error)), headers);
  }

  #send(
    response: ServerResponse,
    status: number,
    type: string,
    body: string | Buffer,
    headers = NO_HEADERS,
  ): void {
    // Only from here on: those who watch wait long for their answer, and nothing moves meanwhile.
    response.setTimeout(this.#answerTimeoutMs, () => response.destroy());
    response.writeHead(status, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(body),
      ...headers,
    });
    response.end(body);
  }
}

type Headers = Readonly<Record<string, string>>;
const NO_HEADERS: Headers = {};

const XML_REFUSALS = {
  'too-large': () =>
    writeFault(FAULT.invalidRequest, `the request has more than ${XML_MOST_BYTES} bytes`),
  slow: () => writeFault(FAULT.transport, 'the rest of the request did not come in time'),
};

function pathOf(request: IncomingMessage): string {
  const { url = '/' } = request;
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/**
 * The origin of a page in somebody's browser, or null for anything else. A browser may run on an address
 * that is allowed, and its page come from anywhere: under a name that is pointed at this collector
 * afterwards the browser takes both for the same site, and would let the page read what is answered.
 */
function pageOf({ headers }: IncomingMessage): string | null {
  return headers.origin ?? (headers['sec-fetch-site'] === undefined ? null : 'somewhere');
}

function charsetOf(request: IncomingMessage): string | null {
  const type = request.headers['content-type'];
  if (type === undefined) return null;
  return /;\s*charset\s*=\s*"?([A-Za-z0-9._-]+)/i.exec(type)?.[1] ?? null;
}

/** @throws WindrowError for a body that cannot be JSON */
function parsed(outcome: BodyOutcome, request: IncomingMessage, mostBytes: number): unknown {
  if (outcome.kind === 'too-large') {
    throw trapsErrors.create('TRAP_BODY_TOO_LARGE', { limit: mostBytes });
  }
  if (outcome.kind !== 'whole') throw trapsErrors.create('TRAP_BODY_SLOW');
  // A page in somebody's browser cannot send this type elsewhere without being allowed to.
  const type = request.headers['content-type'] ?? 'nothing';
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) {
    throw trapsErrors.create('TRAP_MEDIA_TYPE_WRONG', { found: type.slice(0, 100) });
  }
  try {
    return JSON.parse(outcome.bytes.toString());
  } catch (error) {
    const why = `its JSON is broken: ${messageOf(error).slice(0, 200)}`;
    throw trapsErrors.create('TRAP_REQUEST_MALFORMED', { why }, { cause: error });
  }
}

/**
 * What is left of a refused body is read and thrown away, because closing at once would reset the
 * connection and the answer with it; but not for long.
 */
function dropRest(request: IncomingMessage, response: ServerResponse, mostMs: number): void {
  if (request.complete) return;
  const { socket } = request;
  response.once('finish', () => {
    const timer = setTimeout(
      () => {
        if (!request.complete) socket.destroy();
      },
      Math.min(LINGER_MS, mostMs),
    );
    request.once('close', () => clearTimeout(timer));
  });
}
