import { lookup } from 'node:dns/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { formatAddress, systemCodeOf, systemReasonOf } from '#base';
import { trapsErrors } from '../errors.ts';
import type { TrapFace } from './face.ts';

/** Beyond it connections are closed as they come: those that are there go on being answered. */
const CONNECTIONS_MOST = 4096;
const HEADERS_TIMEOUT_MS = 10_000;
/** Monitors poll every few seconds or minutes; their connections are kept in between. */
const KEEP_ALIVE_MS = 120_000;
/** Of an address that a name has but this machine does not, as ::1 where there is no IPv6. */
const NOT_HERE = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/**
 * Binds every address of a host, so that `localhost` is there under both of its own. Nothing is
 * answered before `begin`: privileges are dropped and the history is read in between.
 * @param host `''`: all addresses. Throws LISTEN_FAILED.
 */
export async function bindHttp(host: string, port: number): Promise<BoundHttp> {
  const servers: Server[] = [];
  let boundPort = port;
  try {
    for (const address of await addressesOf(host)) {
      const server = await bind(address, boundPort).catch((error) => {
        if (servers.length > 0 && NOT_HERE.has(systemCodeOf(error) ?? '')) return null;
        throw error;
      });
      if (server) servers.push(server);
      boundPort = (servers[0]!.address() as AddressInfo).port;
    }
  } catch (error) {
    for (const server of servers) server.close();
    const address = formatAddress({ host: host || '*', port });
    const facts = { what: 'XML-RPC and HTTP', address, why: systemReasonOf(error) };
    throw trapsErrors.create('LISTEN_FAILED', facts, { cause: error });
  }
  return new BoundHttp(servers, boundPort);
}

async function addressesOf(host: string): Promise<(string | undefined)[]> {
  if (host === '') return [undefined];
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

async function bind(host: string | undefined, port: number): Promise<Server> {
  const server = createServer({
    requestTimeout: 0,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: 16 << 10,
  });
  server.maxConnections = CONNECTIONS_MOST;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  await promise;
  server.off('error', reject);
  return server;
}

export class BoundHttp {
  readonly port: number;
  readonly #servers: readonly Server[];
  readonly #begun = Promise.withResolvers<TrapFace>();

  constructor(servers: readonly Server[], port: number) {
    this.#servers = servers;
    this.port = port;
    let face: TrapFace | null = null;
    void this.#begun.promise.then((begun) => {
      face = begun;
    });
    for (const server of servers) {
      const handle = (request: IncomingMessage, response: ServerResponse, asks: boolean) => {
        if (face) void face.handle(request, response, asks);
        else void this.#begun.promise.then((begun) => begun.handle(request, response, asks));
      };
      server.on('connection', (socket: Socket) => {
        if (face && !face.admit(socket)) socket.destroy();
      });
      server.on('request', (request, response) => handle(request, response, false));
      // Who asks before it sends is told to only when it may.
      server.on('checkContinue', (request, response) => handle(request, response, true));
    }
  }

  begin(face: TrapFace): void {
    this.#begun.resolve(face);
  }

  async close(): Promise<void> {
    const closing = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closing);
  }
}
