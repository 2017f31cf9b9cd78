/** Syslog over TCP, in both framings of RFC 6587: counted octets, or lines. */
import { createServer, type Server, type Socket } from 'node:net';
import { type Address, formatAddress, systemReasonOf } from '#base';
import { trapsErrors } from '../../errors.ts';
import { Lines } from '../lines.ts';
import type { RunningSource } from '../port.ts';
import type { SyslogListening } from './udp.ts';

const CONNECTIONS_MOST = 1024;
const MESSAGE_BYTES = 128 << 10;
const KEEP_ALIVE_MS = 60_000;

/** Throws LISTEN_FAILED. */
export async function bindTcp(address: Address): Promise<Server> {
  const server = createServer({ keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
  server.maxConnections = CONNECTIONS_MOST;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  const { host, port } = address;
  server.listen({ port, ...(host === '*' ? {} : { host }) }, resolve);
  try {
    await promise;
  } catch (error) {
    const facts = {
      what: 'syslog over TCP',
      address: formatAddress(address),
      why: systemReasonOf(error),
    };
    throw trapsErrors.create('LISTEN_FAILED', facts, { cause: error });
  }
  server.off('error', reject);
  return server;
}

export class SyslogTcp implements RunningSource {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param server a bound one; it is closed with this source */
  constructor(server: Server, { access, desk, sink }: SyslogListening) {
    this.#server = server;
    server.on('error', () => {});
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      const { address, isAllowed } = access.judge(socket.remoteAddress);
      if (!isAllowed) {
        sink.refuse('denied');
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      const frames = new SyslogFrames((text) => desk.take(text, address));
      socket.on('data', (chunk: Buffer) => {
        if (frames.push(chunk)) return;
        sink.refuse('malformed');
        socket.destroy();
      });
      socket.on('end', () => frames.end());
    });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Cuts a stream into messages. Each message shows its framing by its first byte. */
export class SyslogFrames {
  readonly #take: (text: string) => void;
  readonly #lines: Lines;
  #pending: Buffer = Buffer.alloc(0);

  constructor(take: (text: string) => void) {
    this.#take = take;
    this.#lines = new Lines(MESSAGE_BYTES, take);
  }

  /** False when what came cannot be cut any more. */
  push(chunk: Buffer): boolean {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length > 0) {
      const isCounted = this.#lines.pendingBytes === 0 && isDigit(this.#pending[0]!);
      const taken = isCounted ? this.#takeCounted() : this.#takeLine();
      if (taken === 'broken') return false;
      if (taken === 'more') break;
    }
    return true;
  }

  end(): void {
    this.#lines.end();
  }

  #takeCounted(): 'taken' | 'more' | 'broken' {
    const head = /^([1-9]\d{0,5}) /.exec(this.#pending.toString('latin1', 0, 8));
    if (!head) return this.#pending.length >= 8 ? 'broken' : 'more';
    const from = head[0].length;
    const end = from + Number(head[1]);
    if (Number(head[1]) > MESSAGE_BYTES) return 'broken';
    if (this.#pending.length < end) return 'more';
    this.#take(this.#pending.toString('utf8', from, end));
    this.#pending = this.#pending.subarray(end);
    return 'taken';
  }

  #takeLine(): 'taken' | 'more' {
    const end = this.#pending.indexOf(0x0a);
    const piece = end < 0 ? this.#pending : this.#pending.subarray(0, end + 1);
    this.#lines.push(piece);
    this.#pending = this.#pending.subarray(piece.length);
    return end < 0 ? 'more' : 'taken';
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x31 && byte <= 0x39;
}
