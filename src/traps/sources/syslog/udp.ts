/** Syslog over UDP (RFC 5426). What the kernel has to throw away is counted and told. */
import { createSocket, type Socket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { type Address, formatAddress, systemCodeOf, systemReasonOf } from '#base';
import { trapsErrors } from '../../errors.ts';
import type { Access } from '../../http/access.ts';
import type { OwnTroubles } from '../own-troubles.ts';
import type { RunningSource, TrapSink } from '../port.ts';
import type { SyslogDesk } from './desk.ts';

export interface SyslogListening {
  readonly desk: SyslogDesk;
  readonly access: Access;
  readonly sink: TrapSink;
  readonly own: OwnTroubles;
  readonly onTaken: () => void;
}

/** The kernel gives what it allows (net.core.rmem_max); a burst waits there while we are busy. */
const RECEIVE_BUFFER_BYTES = 8 << 20;
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);
const LOOK_MS = 5000;
/** Without losses for so many looks the trouble is over. */
const QUIET_LOOKS = 12;

/** `*`: all addresses, of both families where there are two. Throws LISTEN_FAILED. */
export async function bindUdp(address: Address): Promise<Socket> {
  const { host, port } = address;
  try {
    if (host !== '*') return await bound(isIPv6(host) ? 'udp6' : 'udp4', host, port);
    return await bound('udp6', '::', port).catch((error) => {
      if (!NO_IPV6.has(systemCodeOf(error) ?? '')) throw error;
      return bound('udp4', '0.0.0.0', port);
    });
  } catch (error) {
    const facts = {
      what: 'syslog over UDP',
      address: formatAddress(address),
      why: systemReasonOf(error),
    };
    throw trapsErrors.create('LISTEN_FAILED', facts, { cause: error });
  }
}

async function bound(type: 'udp4' | 'udp6', address: string, port: number): Promise<Socket> {
  const socket = createSocket({ type, recvBufferSize: RECEIVE_BUFFER_BYTES });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('error', reject);
  socket.bind({ address, port }, resolve);
  try {
    await promise;
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.off('error', reject);
  return socket;
}

export class SyslogUdp implements RunningSource {
  readonly #socket: Socket;
  readonly #listening: SyslogListening;
  readonly #timer: NodeJS.Timeout;
  #dropped: number | null = null;
  #quietLooks = QUIET_LOOKS;

  /** @param socket a bound one; it is closed with this source */
  constructor(socket: Socket, listening: SyslogListening) {
    this.#socket = socket;
    this.#listening = listening;
    const { access, desk, sink } = listening;
    socket.on('error', () => {}); // of one datagram; the next is as good as any
    socket.on('message', (bytes, { address }) => {
      const peer = access.judge(address);
      if (peer.isAllowed) desk.take(bytes.toString(), peer.address);
      else sink.refuse('denied');
    });
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    void this.#look();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  async #look(): Promise<void> {
    const { port } = this.#socket.address();
    const dropped = await droppedAt(port);
    if (dropped === null) return;
    const lost = dropped - (this.#dropped ?? dropped);
    this.#dropped = dropped;
    if (lost > 0) this.#listening.sink.lose(lost);
    const wasQuiet = this.#quietLooks >= QUIET_LOOKS;
    this.#quietLooks = lost > 0 ? 0 : Math.min(QUIET_LOOKS, this.#quietLooks + 1);
    const isQuiet = this.#quietLooks >= QUIET_LOOKS;
    if (wasQuiet && !isQuiet)
      this.#say(true, 'syslog messages are lost: they come faster than they can be read');
    if (!wasQuiet && isQuiet) this.#say(false, 'no syslog messages are lost any more');
  }

  #say(isRaised: boolean, message: string): void {
    const { own, onTaken } = this.#listening;
    own.tell(isRaised ? 1 : 0, 'syslog lost', message);
    onTaken();
  }
}

/** What the kernel dropped at a port of ours; null where it does not say. Format: proc(5), udp. */
async function droppedAt(port: number): Promise<number | null> {
  let dropped: number | null = null;
  for (const path of ['/proc/net/udp', '/proc/net/udp6']) {
    const text = await readFile(path, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (Number.parseInt(fields[1]?.split(':')[1] ?? '', 16) !== port) continue;
      dropped = (dropped ?? 0) + (Number(fields.at(-1)) || 0);
    }
  }
  return dropped;
}
