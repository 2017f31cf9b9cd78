/**
 * Workers that give each other the files of jobs. Who has one is asked of the server, `POST /peers`;
 * the file comes from the peer, `GET /blobs/<sha256>`, over TLS that is known by its pin, for a
 * ticket: made by the server with a key that the peer has told it, good for this one file, and for as
 * long as the peer keeps the key, some minutes. So no clocks are compared, and peers ask nobody.
 */
import { createHmac } from 'node:crypto';
import type { Digest } from '#model';
import { checked, label, list, object, sha256Hex, text, whole } from './checked.ts';

/** How others reach a worker's store; the server knows its address. */
export interface PeerDoor {
  readonly port: number;
  /** SHA-256 of its certificate, in hex. */
  readonly pin: string;
  /** 64 hex digits, for tickets. */
  readonly key: string;
}

export interface PeerQuestion {
  /** Who asks. */
  readonly worker: string;
  readonly blob: Digest;
}

export interface Peer {
  /** For people. */
  readonly name: string;
  /** `https://HOST:PORT#sha256:PIN`. */
  readonly url: string;
  readonly ticket: string;
}

export interface PeerAnswer {
  readonly peers: readonly Peer[];
  /** Above 0: nobody has it yet, but some are getting it: worth asking again after that. */
  readonly waitMs: number;
}

/** Most peers that are named at once. */
export const MOST_PEERS = 3;

export function peerTicket(key: string, blob: Digest): string {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(blob).digest('hex');
}

/** Reads `POST /peers`. Throws `MESSAGE_MALFORMED`. */
export function parsePeerQuestion(json: unknown): PeerQuestion {
  return checked(() => {
    const fields = object(json, '');
    return {
      worker: label(fields.worker, 'worker', 200),
      blob: sha256Hex(fields.blob, 'blob'),
    };
  });
}

/** Reads its answer. Throws `MESSAGE_MALFORMED`. */
export function parsePeerAnswer(json: unknown): PeerAnswer {
  return checked(() => {
    const fields = object(json, '');
    return {
      peers: list(fields.peers, 'peers', MOST_PEERS, readPeer),
      waitMs: whole(fields.waitMs, 'waitMs', 0, 60_000),
    };
  });
}

function readPeer(value: unknown): Peer {
  const fields = object(value, '');
  return {
    name: text(fields.name, 'name', 255),
    url: text(fields.url, 'url', 500),
    ticket: sha256Hex(fields.ticket, 'ticket'),
  };
}

export function readPeerDoor(fields: Readonly<Record<string, unknown>>): PeerDoor {
  return {
    port: whole(fields.port, 'port', 1, 65_535),
    pin: sha256Hex(fields.pin, 'pin'),
    key: sha256Hex(fields.key, 'key'),
  };
}
