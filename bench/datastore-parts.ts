/** What benches of the datastore have in common: a store without limits, and an origin of any bytes. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../src/base/mod.ts';
import { type Datastore, openDatastore, openHttpTransport } from '../src/datastore/mod.ts';

export const MIB = 2 ** 20;

export function openStore(directory: string): Promise<Datastore> {
  const common = { clock: systemClock, random: Math.random, onEvent: () => {} };
  const proxies = { http: [], https: [], none: [] };
  const http = openHttpTransport({ ...common, proxies, credentials: null, userAgent: 'bench' });
  return openDatastore({ ...common, directory, transports: [http], limits: { leastFreeBytes: 0 } });
}

/**
 * Runs in a process of its own, as the origin is for curl: `/N` are N bytes. Tells its parent its URL, and
 * then each path that it is asked for.
 */
export async function serveBytes(address: string): Promise<void> {
  const block = Buffer.alloc(MIB, 7);
  const server = createServer(async (request, response) => {
    process.send!(request.url);
    const bytes = Number(/\/(\d+)/.exec(request.url ?? '/')?.[1] ?? 0);
    response.writeHead(200, { 'content-length': bytes, etag: '"bench"' });
    for (let sent = 0; sent < bytes; sent += MIB) {
      const isWhole = bytes - sent >= MIB;
      if (!response.write(isWhole ? block : block.subarray(0, bytes - sent))) {
        await once(response, 'drain');
      }
    }
    response.end();
  }).listen(0, address);
  await once(server, 'listening');
  process.send!(`http://${address}:${(server.address() as AddressInfo).port}`);
}
