/** The executables that the server has for its workers, and which workers are offered one. */
import type { Readable } from 'node:stream';
import { type Clock, canonicalPlatform } from '#base';
import { type ClientEncoding, type ClientOffer, isOlderVersion } from '#wire';
import { serverErrors } from './errors.ts';

/** An executable of the server's own version for one platform. */
export interface Client {
  readonly version: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Null when no file of that form is kept. */
  encodedBytes(encoding: ClientEncoding): number | null;
  read(encoding: ClientEncoding): Readable;
}

/** Rejects with a coded error, of status 404 when there is none. */
export type FindClient = (platform: string) => Promise<Client>;

export interface ClientShelf {
  readonly find: FindClient;
  /** The server's own. */
  readonly version: string;
  readonly clock: Clock;
}

/** Executables may be put there, or built anew, while the server runs. */
const KNOWN_FOR_MS = 60_000;
const ENCODINGS = ['identity', 'zstd', 'gzip'] as const;

interface Known {
  readonly sinceMs: number;
  offer: ClientOffer | null;
}

export class Clients {
  readonly #shelf: ClientShelf;
  readonly #known = new Map<string, Known>();

  constructor(shelf: ClientShelf) {
    this.#shelf = shelf;
  }

  /**
   * What a worker of that version is offered to become. Never waits: what is not known yet is looked
   * up, and offered with a later sync.
   */
  offerFor({ version, platform }: { version: string; platform: string }): ClientOffer | null {
    if (!isOlderVersion(version, this.#shelf.version)) return null;
    const nowMs = this.#shelf.clock.monotonic();
    const known = this.#known.get(platform);
    if (known && nowMs - known.sinceMs < KNOWN_FOR_MS) return known.offer;
    const asked: Known = { sinceMs: nowMs, offer: known?.offer ?? null };
    this.#known.set(platform, asked);
    this.describe(platform).then(
      (offer) => {
        asked.offer = offer;
      },
      () => {
        asked.offer = null; // there is none for it: it goes on as it is
      },
    );
    return asked.offer;
  }

  /** Rejects with the shelf's error when there is none. */
  async describe(platform: string): Promise<ClientOffer> {
    const client = await this.#shelf.find(canonicalPlatform(platform));
    const { version, sha256, bytes } = client;
    const encodings = ENCODINGS.filter((encoding) => client.encodedBytes(encoding) !== null);
    return { version, sha256, bytes, encodings };
  }

  /** Its bytes. Rejects with CLIENT_CHANGED when it is not that one any more. */
  async read(
    platform: string,
    sha256: string,
    encoding: string,
  ): Promise<{ readonly stream: Readable; readonly bytes: number | null }> {
    const known = ENCODINGS.find((one) => one === encoding);
    if (!known) throw serverErrors.create('REQUEST_MALFORMED', { why: 'it names no encoding' });
    const client = await this.#shelf.find(canonicalPlatform(platform));
    if (client.sha256 !== sha256) throw serverErrors.create('CLIENT_CHANGED', { platform, sha256 });
    return { stream: client.read(known), bytes: client.encodedBytes(known) };
  }
}
