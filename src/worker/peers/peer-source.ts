/** Files from other workers: whom the server names, one after the other; else the server gives it. */
import { type Clock, pause, WindrowError } from '#base';
import type { ContentPiece, ContentSource } from '#datastore';
import { openEndpoint, openFile, type Peer, type PeerAnswer, parsePeerAnswer } from '#wire';
import { workerErrors } from '../errors.ts';
import type { ServerLink } from '../port.ts';
import { Unreached } from './unreached.ts';

/** A peer that does not answer costs this time, once in a while, and there is still the server. */
const CONNECT_MS = 3000;
/** Nobody is there, or somebody else. */
const NOT_REACHED = new Set([
  'SERVER_UNREACHABLE',
  'SERVER_UNTRUSTED',
  'SERVER_PIN_MISMATCH',
  'SERVER_SCHEME_WRONG',
]);
/** Waiting for others who are getting the file costs no more than this. */
const PATIENCE_MS = 20_000;

export interface PeerSourceOptions {
  /** Of this worker. */
  readonly worker: () => string;
  readonly link: () => Promise<Pick<ServerLink, 'postJson'>>;
  readonly clock: Clock;
}

/** What it rejects with is a refusal: the next source is asked then. */
export function peerSource({ worker, link, clock }: PeerSourceOptions): ContentSource {
  const ask = async (blob: string, signal: AbortSignal): Promise<PeerAnswer> => {
    const question = { worker: worker(), blob };
    return parsePeerAnswer(await (await link()).postJson('/peers', question, { signal }));
  };
  const unreached = new Unreached(clock);
  return {
    async open(sha256, fromByte, signal) {
      const endMs = clock.monotonic() + PATIENCE_MS;
      while (!unreached.hasAll()) {
        const { peers, waitMs } = await ask(sha256, signal);
        for (const peer of peers) {
          if (unreached.has(peer.url)) continue;
          const piece = await openFrom(peer, sha256, fromByte, signal, unreached);
          if (piece !== null) return piece;
        }
        if (peers.length > 0 && peers.every(({ url }) => unreached.has(url))) break;
        if (waitMs === 0 || clock.monotonic() + waitMs > endMs) break;
        await pause(waitMs, signal);
        signal.throwIfAborted();
      }
      throw workerErrors.create('PEERS_NONE', { sha256 });
    },
  };
}

/** Null: it cannot be had there. */
async function openFrom(
  { name, url, ticket }: Peer,
  sha256: string,
  fromByte: number,
  signal: AbortSignal,
  unreached: Unreached,
): Promise<ContentPiece | null> {
  const endpoint = openEndpoint({
    ...{ url, token: ticket, connections: 1, connectTimeoutMs: CONNECT_MS },
  });
  try {
    const etag = `"${sha256}"`;
    const file = await openFile(endpoint, `/blobs/${sha256}`, { fromByte, etag, signal });
    unreached.reached();
    const close = () => endpoint.connections.close();
    return { ...file, from: `peer ${name}`, body: closing(file.body, close) };
  } catch (error) {
    endpoint.connections.close();
    signal.throwIfAborted();
    if (error instanceof WindrowError && NOT_REACHED.has(error.code)) unreached.failed(url);
    return null;
  }
}

async function* closing(
  body: AsyncIterable<Uint8Array>,
  close: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } finally {
    close();
  }
}
