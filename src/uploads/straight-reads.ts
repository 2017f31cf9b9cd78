/**
 * A large body over a plain connection is read from the socket straight to where it is to lie. By Node's HTTP
 * parser it comes in pieces of 64 KiB, each in memory of its own and copied twice: half of what receiving costs.
 * Pieces still tell when something has come; what came behind a full one is read here. From the first such read
 * on the parser hears of nothing any more: it would count the rest of the body for longer than it is, and
 * take for requests what comes behind. So the connection is closed behind the answer.
 */
import { readSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Taker } from './each-piece.ts';

/** For smaller ones a sender's connection is worth more. */
const LEAST_BYTES = 8 * 2 ** 20;
/** What Node reads at once. Where less came there is no more: looking for it would cost an error. */
const PARSER_READS_BYTES = 65_536;
/** Then it is the turn of other connections. */
const MOST_READS = 2;

export class StraightReads {
  readonly #request: IncomingMessage;
  #leftBytes: number;
  /** From the parser. */
  #isTaken = false;

  private constructor(request: IncomingMessage, bytes: number) {
    this.#request = request;
    this.#leftBytes = bytes;
  }

  /** Null where the body has to come by the parser. Otherwise `response` will say that the connection ends. */
  static of(request: IncomingMessage, response: ServerResponse): StraightReads | null {
    const bytes = Number(request.headers['content-length'] ?? 0);
    if (bytes < LEAST_BYTES || descriptorOf(request.socket) === null) return null;
    response.setHeader('Connection', 'close');
    return new StraightReads(request, bytes);
  }

  /** Hands over a piece that came as a stream, and what came behind it. Returns what the last `take` did. */
  take(piece: Buffer, taker: Taker): Promise<void> | undefined {
    // What is handed over may be gone, with its length.
    const isFull = piece.length >= PARSER_READS_BYTES;
    const own = piece.subarray(0, this.#leftBytes);
    const ownBytes = own.length;
    const taking = taker.take(ownBytes < piece.length ? own : piece);
    this.#took(ownBytes);
    if (taking || !isFull || this.#hasReadAhead || !this.#mayTakeOver) return taking;
    return this.#readOn(taker);
  }

  /** What Node has read already comes first. */
  get #hasReadAhead(): boolean {
    return this.#request.readableLength > 0 || this.#request.socket.readableLength > 0;
  }

  /** Where reading is stopped it is the parser's listeners that begin it again: they must not be gone by then. */
  get #mayTakeOver(): boolean {
    return this.#isTaken || handleOf(this.#request.socket)?.reading === true;
  }

  #readOn(taker: Taker): Promise<void> | undefined {
    for (let count = 0; count < MOST_READS && this.#leftBytes > 0; count++) {
      const room = taker.room()?.subarray(0, this.#leftBytes);
      const bytes = room ? this.#read(room) : 0;
      if (!room || bytes === 0) return undefined;
      this.#takeOver();
      const taking = taker.take(room.subarray(0, bytes));
      this.#took(bytes);
      if (taking || bytes < room.length) return taking;
    }
    return undefined;
  }

  #read(room: Buffer): number {
    const descriptor = descriptorOf(this.#request.socket);
    if (descriptor === null) return 0;
    try {
      return readSync(descriptor, room);
    } catch {
      // Nothing is there (EAGAIN); or the connection broke, of which Node hears too.
      return 0;
    }
  }

  #takeOver(): void {
    if (this.#isTaken) return;
    this.#isTaken = true;
    const request = this.#request;
    const { socket } = request;
    socket.removeAllListeners('data');
    // With this listener Node takes the socket from its parser, too.
    socket.on('data', (piece: Buffer) => {
      if (!request.complete && !request.push(piece)) socket.pause();
    });
  }

  /** The end of the body as the parser would tell it. */
  #took(bytes: number): void {
    this.#leftBytes -= bytes;
    const request = this.#request;
    if (this.#leftBytes > 0 || !this.#isTaken || request.complete) return;
    const { socket } = request;
    request.complete = true;
    request.push(null);
    // To the parser the body goes on: that nothing comes any more is no fault.
    socket.removeAllListeners('end');
    // Unread, what comes behind the body would reset the connection, and with it the answer.
    request.once('end', () => socket.resume());
  }
}

/** Not part of Node's interface: where it is missing, or means nothing, everything comes by the parser. */
interface Handle {
  readonly fd?: unknown;
  readonly reading?: unknown;
}

function handleOf(socket: Socket): Handle | null {
  return (socket as { _handle?: Handle | null })._handle ?? null;
}

function descriptorOf(socket: Socket): number | null {
  if ((socket as TLSSocket).encrypted) return null;
  const fd = handleOf(socket)?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : null;
}
