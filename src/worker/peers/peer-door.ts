/**
 * What of this machine's store others may have: a file by its digest, for a ticket that the server has
 * made for it. The keys of tickets are replaced every few minutes, so a ticket is of use for a while.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { LEAST_TLS_VERSION } from '#base';
import type { Held } from '#datastore';
import { bearerToken, type PeerDoor, peerTicket, secretMatcher } from '#wire';

/** A key is good for this time and as long again, for those who have just got a ticket. */
const KEY_MS = 600_000;
/** Files that are given at once; more are told to go to the server. */
const MOST_AT_ONCE = 8;
/** Whoever takes nothing for so long has gone. */
const IDLE_MS = 60_000;
const MOST_HEADER_BYTES = 4096;

export interface PeerDoorOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** SHA-256 of the certificate, in hex. */
  readonly pin: string;
  /** Null: it is not here. */
  readonly hold: (sha256: string) => Promise<Held | null>;
}

export interface OpenPeerDoor {
  told(): PeerDoor;
  close(): Promise<void>;
}

/** Rejects with the system's error where the port is taken. */
export async function openPeerDoor(options: PeerDoorOptions): Promise<OpenPeerDoor> {
  const { port, certificate, key, pin, hold } = options;
  let keys = [newKey()];
  const sockets = new Set<Socket>();
  const sending = new Set<Promise<void>>();
  const server: Server = createServer(
    { cert: certificate, key, minVersion: LEAST_TLS_VERSION, maxHeaderSize: MOST_HEADER_BYTES },
    (request, response) => {
      const sent = give(request, response, { keys, hold, isBusy: sending.size >= MOST_AT_ONCE })
        .catch(() => void response.destroy())
        .finally(() => sending.delete(sent));
      sending.add(sent);
    },
  );
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (_error, socket) => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  const rotation = setInterval(() => {
    keys = [newKey(), keys[0]!];
  }, KEY_MS).unref();
  return {
    told: () => ({ port: (server.address() as AddressInfo).port, pin, key: keys[0]! }),
    async close() {
      clearInterval(rotation);
      const closed = new Promise((done) => server.close(done));
      for (const socket of sockets) socket.destroy();
      await closed;
      await Promise.all(sending);
    },
  };
}

function newKey(): string {
  return randomBytes(32).toString('hex');
}

interface Giving {
  readonly keys: readonly string[];
  readonly hold: PeerDoorOptions['hold'];
  readonly isBusy: boolean;
}

async function give(
  request: IncomingMessage,
  response: ServerResponse,
  { keys, hold, isBusy }: Giving,
): Promise<void> {
  const [, blob = ''] = /^\/blobs\/([0-9a-f]{64})$/.exec(request.url ?? '') ?? [];
  const ticket = bearerToken(request.headers.authorization) ?? '';
  if (request.method !== 'GET' || blob === '') return refuse(response, 404);
  // Whoever has no ticket does not learn either what is here.
  if (!keys.some((key) => secretMatcher(peerTicket(key, blob))(ticket)))
    return refuse(response, 401);
  if (isBusy) return refuse(response, 503);
  const held = await hold(blob);
  if (held === null) return refuse(response, 404);
  try {
    await send(request, response, held);
  } finally {
    await held.release();
  }
}

/** From a byte on, as whoever goes on with a transfer asks; else all of it (RFC 9110, 14.2). */
async function send(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { path, bytes, sha256 }: Held,
): Promise<void> {
  const etag = `"${sha256}"`;
  const [, first] = /^bytes=(\d{1,15})-$/.exec(headers.range ?? '') ?? [];
  const start = headers['if-range'] === etag && first !== undefined ? Number(first) : 0;
  const isPart = start > 0 && start < bytes;
  response.writeHead(isPart ? 206 : 200, {
    ETag: etag,
    'Content-Type': 'application/octet-stream',
    'Content-Length': isPart ? bytes - start : bytes,
    ...(isPart ? { 'Content-Range': `bytes ${start}-${bytes - 1}/${bytes}` } : {}),
  });
  const from = isPart ? start : 0;
  await pipeline(createReadStream(path, { start: from, highWaterMark: 256 * 1024 }), response);
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'Content-Length': 0, Connection: 'close' }).end();
}
