/**
 * The connections to one server: kept alive, at most so many, over TLS with a pinned certificate or
 * without. They are those of `node:http`, whose parser is native: one compiled from WebAssembly takes
 * 30 ms of CPU in each process before it is quick.
 */
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { ConnectTimeout, pinnedAgent } from '#base';

/** A peer that has vanished answers no probe; without them an idle connection lives for ever. */
const PROBED_AFTER_MS = 15_000;
/**
 * A connection that was idle for so long, or a second less than the server says, is not used again:
 * a request may meet the server closing it. (An agent without a time of its own heeds no server's.)
 */
const IDLE_MS = 60_000;

export interface ConnectionsOptions {
  /** `http(s)://host[:port]`. */
  readonly origin: string;
  /** Of the certificate; null: it is trusted as the system says. */
  readonly pin: string | null;
  /** Requests under way at one time; more wait. */
  readonly most: number;
  readonly connectTimeoutMs: number;
}

export interface Sending {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a stream, `content-length` must be among the headers. */
  readonly body: string | Buffer | Readable | null;
  /** Longest time in which nothing moves while it is sent, and until the answer begins; 0: any. */
  readonly idleMs: number;
  /** The same within the answer. */
  readonly answerIdleMs: number;
}

/** A request that was sent. */
export interface Sent {
  /** Its answer when that begins; what breaks it off later comes from the answer itself. */
  readonly answer: Promise<IncomingMessage>;
  /** Ends it with `error`, wherever it is. */
  breakOff(error: Error): void;
  /** Nothing more is wanted of it. */
  finish(): void;
}

/** Nothing moved for as long as was allowed. */
export class Silent extends Error {
  override readonly message = 'nothing moved for too long';
}

/** A stream had not the length that was announced; nobody takes what was sent for the whole. */
export class WrongLength extends Error {
  readonly code = 'BODY_LENGTH_WRONG';
}

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #target: { readonly protocol: string; readonly hostname: string; readonly port: string };
  readonly #agent: Agent;
  readonly #request: typeof request;
  readonly #sent = new Set<Sent>();
  /** In their order; an agent's own queue stands still when a connection over TLS cannot be made. */
  readonly #waiting = new Set<() => void>();
  #underWay = 0;
  #isClosed = false;

  constructor(options: ConnectionsOptions) {
    const { origin, pin, connectTimeoutMs } = options;
    const { protocol, hostname, port } = new URL(origin);
    const isSecure = protocol === 'https:';
    const kept = { keepAlive: true, keepAliveMsecs: PROBED_AFTER_MS, timeout: IDLE_MS };
    this.#options = options;
    // Node.js wants addresses of IPv6 without their brackets.
    this.#target = { protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port };
    this.#agent = isSecure ? pinnedAgent(kept, pin, connectTimeoutMs) : new Agent(kept);
    this.#request = isSecure ? secureRequest : request;
  }

  send(sending: Sending): Sent {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    let call: ClientRequest | undefined;
    let answer: IncomingMessage | undefined;
    const breakOff = (error: Error) => {
      this.#waiting.delete(begin);
      reject(error);
      if (answer) answer.destroy(error);
      else if (call) call.destroy(error);
      else if (sending.body instanceof Readable) sending.body.destroy(); // nobody reads it
    };
    const onAnswer = (begun: IncomingMessage) => {
      answer = begun;
      resolve(begun);
    };
    const begin = () => {
      try {
        call = this.#begin(sending, onAnswer, breakOff);
        call.on('error', reject);
      } catch (error) {
        this.#leave();
        breakOff(error as Error); // a header that cannot be sent
      }
    };
    const finish = () => {
      this.#sent.delete(sent);
      this.#waiting.delete(begin);
      if (call) finishCall(call, answer);
    };
    const sent: Sent = { answer: promise, breakOff, finish };
    this.#sent.add(sent);
    if (this.#isClosed) breakOff(new Error('the connection was closed'));
    else this.#enter(begin);
    return sent;
  }

  #begin(
    sending: Sending,
    onAnswer: (answer: IncomingMessage) => void,
    breakOff: (error: Error) => void,
  ): ClientRequest {
    const { method, path, headers, body } = sending;
    const call = this.#request({ ...this.#target, agent: this.#agent, method, path, headers });
    let answer: IncomingMessage | undefined;
    let allowedMs = sending.idleMs;
    call.on('response', (begun) => {
      answer = begun;
      begun.on('error', () => {}); // whoever reads it gets it too
      allowedMs = sending.answerIdleMs;
      begun.socket.setTimeout(allowedMs);
      onAnswer(begun);
    });
    call.on('socket', (socket) => {
      limitConnecting(socket, this.#options.connectTimeoutMs, breakOff);
      const onTimeout = () => {
        // Its reader is slower than the server: nobody is silent.
        if (answer?.complete || answer?.readableLength) socket.setTimeout(allowedMs);
        else unlessMoved(socket, () => breakOff(new Silent()));
      };
      socket.setTimeout(allowedMs);
      socket.on('timeout', onTimeout);
      call.once('close', () => socket.off('timeout', onTimeout));
    });
    // Its connection is free for the next one when all have been told of this.
    call.once('close', () => process.nextTick(() => this.#leave()));
    sendBody(call, body, Number(headers['content-length']), breakOff);
    return call;
  }

  #enter(begin: () => void): void {
    if (this.#underWay >= this.#options.most) {
      this.#waiting.add(begin);
      return;
    }
    this.#underWay++;
    begin();
  }

  #leave(): void {
    this.#underWay--;
    const [next] = this.#waiting;
    if (!next) return;
    this.#waiting.delete(next);
    this.#enter(next);
  }

  /** Breaks off what is under way and closes every connection. */
  close(): void {
    this.#isClosed = true;
    for (const { breakOff } of [...this.#sent]) breakOff(new Error('the connection was closed'));
    this.#agent.destroy();
  }
}

/** An unread answer would keep its connection busy, one that was not sent whole the other way. */
function finishCall(call: ClientRequest, answer: IncomingMessage | undefined): void {
  if (!answer || !call.writableFinished) call.destroy();
  else if (answer.complete) answer.resume();
  else answer.destroy();
}

/** What came while its reader was busy elsewhere is read in the turn that begins now. */
function unlessMoved(socket: Socket, act: () => void): void {
  const { bytesRead } = socket;
  setImmediate(() => {
    if (socket.bytesRead === bytesRead) act();
  });
}

/** One of TLS comes when it is connected. */
function limitConnecting(socket: Socket, ms: number, breakOff: (error: Error) => void): void {
  if (!socket.connecting) return;
  const timer = setTimeout(() => breakOff(new ConnectTimeout()), ms);
  const stop = () => clearTimeout(timer);
  socket.once('connect', stop);
  socket.once('close', stop);
}

function sendBody(
  call: ClientRequest,
  body: Sending['body'],
  bytes: number,
  breakOff: (error: Error) => void,
): void {
  if (body === null) call.end();
  else if (typeof body === 'string' || Buffer.isBuffer(body)) call.end(body);
  // What ends the call otherwise is told by the call itself.
  else
    pipeline(
      body,
      (source) => exactly(source, bytes, breakOff),
      call,
      () => {},
    );
}

async function* exactly(
  source: AsyncIterable<Buffer>,
  bytes: number,
  breakOff: (error: Error) => void,
): AsyncGenerator<Buffer> {
  try {
    let sent = 0;
    for await (const chunk of source) {
      sent += chunk.length;
      // More than was announced would be taken for the next request.
      if (sent > bytes) throw new WrongLength();
      yield chunk;
    }
    if (sent < bytes) throw new WrongLength();
  } catch (error) {
    breakOff(error as Error);
    throw error;
  }
}
