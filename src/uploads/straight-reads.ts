/**
 * A large body over a plain connection is read from the socket straight to where it is to lie. By Node's HTTP
 * parser it comes in pieces of 64 KiB, each in memory of its own and copied twice: half of what receiving costs.
 * The parser still hears of every beginning: it tells when something has come, and what came behind it is read
 * here. So it never sees the end of the body, and the connection is closed behind the answer.
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
  /** Whether there is something of which the parser does not know. */
  #isBehind = false;

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

  /** Hands over a piece that came by the parser, and what came behind it. Returns what the last `take` did. */
  take(piece: Buffer, taker: Taker): Promise<void> | undefined {
    // What is handed over may be gone, with its length.
    const isFull = piece.length >= PARSER_READS_BYTES;
    const own = piece.subarray(0, this.#leftBytes);
    const ownBytes = own.length;
    const taking = taker.take(ownBytes < piece.length ? own : piece);
    this.#took(ownBytes);
    // What Node has read already comes first.
    if (taking || !isFull || this.#request.readableLength > 0) return taking;
    return this.#readOn(taker);
  }

  #readOn(taker: Taker): Promise<void> | undefined {
    for (let count = 0; count < MOST_READS && this.#leftBytes > 0; count++) {
      const room = taker.room()?.subarray(0, this.#leftBytes);
      const bytes = room ? this.#read(room) : 0;
      if (!room || bytes === 0) return undefined;
      const taking = taker.take(room.subarray(0, bytes));
      this.#isBehind = true;
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

  /** The end of the body as the parser would tell it. */
  #took(bytes: number): void {
    this.#leftBytes -= bytes;
    if (this.#leftBytes > 0 || !this.#isBehind) return;
    const { socket } = this.#request;
    this.#request.complete = true;
    this.#request.push(null);
    // To the parser the body goes on: what may come behind it is dropped, and that nothing comes is no fault.
    this.#request.push = () => true;
    socket.removeAllListeners('end');
    // Unread, it would reset the connection, and with it the answer.
    this.#request.once('end', () => socket.resume());
  }
}

/** Not part of Node's interface: where it is missing, or means nothing, everything comes by the parser. */
function descriptorOf(socket: Socket): number | null {
  if ((socket as TLSSocket).encrypted) return null;
  const { fd } = (socket as { _handle?: { fd?: unknown } | null })._handle ?? {};
  return typeof fd === 'number' && fd >= 0 ? fd : null;
}
