/**
 * Programs and inputs, and what is put into the datastore, that come in pieces, by the tus protocol 1.0.0 (tus.io): an upload names its
 * SHA-256 when it begins, can be gone on with for days after its connection broke, and becomes a blob,
 * or the entry that it names by `key`, when all of it is there and the digest is right. Each sender has an upload of its own, so nobody
 * can spoil that of another; the one that is whole first counts.
 */
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Upload } from '@tus/server';
import type { Clock } from '#base';
import type { Datastore } from '#datastore';
import { Digests, Unfinished, UploadServer } from '#uploads';
import { BLOB_STORED_HEADER, UPLOADS_PATH } from '#wire';
import { serverErrors } from '../errors.ts';
import { BLOB_BYTES, type Blobs } from './blobs.ts';
import { diskFull } from './streams.ts';

/** Senders that send nothing for so long are cut off; what came is kept. */
const IDLE_MS = 60_000;

export interface BlobUploadsOptions {
  /** Absolute; where uploads under way lie, on the file system of the blobs. */
  readonly directory: string;
  readonly blobs: Blobs;
  /** Null: the server has none. */
  readonly datastore: Pick<Datastore, 'putFile'> | null;
  readonly clock: Clock;
}

export class BlobUploads {
  readonly #blobs: Blobs;
  readonly #datastore: BlobUploadsOptions['datastore'];
  readonly #digests = new Digests();
  readonly #unfinished: Unfinished;
  readonly #server: UploadServer;

  constructor({ directory, blobs, datastore, clock }: BlobUploadsOptions) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#blobs = blobs;
    this.#datastore = datastore;
    this.#unfinished = new Unfinished({
      directory,
      digests: this.#digests,
      now: () => clock.now(),
      requireRoom: async ({ size = 0 }) => blobs.requireRoom(size),
      failures: {
        unknown: (cause) => serverErrors.create('UPLOAD_UNKNOWN', {}, { cause }),
        diskFull: (cause) => diskFull(directory, cause),
        isHopeless: () => false,
      },
    });
    this.#server = new UploadServer({
      path: UPLOADS_PATH,
      unfinished: this.#unfinished,
      mostBytes: BLOB_BYTES,
      onBegin: async (upload) => this.#begin(upload),
      onWhole: async (upload) => ({ [BLOB_STORED_HEADER]: await this.#finish(upload) }),
    });
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.setTimeout(IDLE_MS, () => request.destroy());
    request.once('end', () => request.setTimeout(0));
    await this.#server.handle(request, response);
  }

  async close(): Promise<void> {
    await this.#server.settled();
    await this.#digests.close();
  }

  #begin({ metadata }: Upload): { sha256: string; key?: string } {
    const sha256 = metadata?.sha256 ?? '';
    if (!/^[0-9a-f]{64}$/.test(sha256)) {
      const why = 'an upload has a SHA-256 in its metadata, as 64 hex digits';
      throw serverErrors.create('REQUEST_MALFORMED', { why });
    }
    const key = metadata?.key ?? '';
    if (key === '') return { sha256 };
    if (this.#datastore === null) throw serverErrors.create('DATA_OFF');
    return { sha256, key };
  }

  async #finish({ id, metadata }: Upload): Promise<string> {
    const storedAs = await this.#unfinished.storedAs(id);
    if (storedAs !== null) return storedAs;
    const expected = metadata?.sha256 ?? '';
    const found = await this.#unfinished.digest(id);
    if (found !== expected) {
      await this.#unfinished.remove(id);
      throw serverErrors.create('BLOB_DIGEST_WRONG', { found, expected });
    }
    const path = this.#unfinished.dataPath(id);
    const key = metadata?.key ?? '';
    if (key !== '' && this.#datastore !== null) {
      await this.#datastore.putFile(path, { key, digests: { sha256: expected } });
      await rm(path, { force: true });
    } else if (this.#blobs.claim(expected)) await rm(path, { force: true });
    else await this.#blobs.take(path, expected);
    await this.#unfinished.noteStored(id, expected);
    return expected;
  }
}
