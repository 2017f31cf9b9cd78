/**
 * Programs and inputs that come in pieces, by the tus protocol 1.0.0 (tus.io): an upload names its
 * SHA-256 when it begins, can be gone on with for days after its connection broke, and becomes a blob
 * when all of it is there and the digest is right. Each sender has an upload of its own, so nobody
 * can spoil that of another; the one that is whole first counts.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server, type Upload } from '@tus/server';
import type { Clock } from '#base';
import { Digests, toTusError, Unfinished } from '#uploads';
import { BLOB_STORED_HEADER, UPLOADS_PATH } from '#wire';
import { serverErrors } from '../errors.ts';
import { BLOB_BYTES, type Blobs } from './blobs.ts';
import { diskFull } from './streams.ts';

/** Senders that send nothing for so long are cut off; what came is kept. */
const IDLE_MS = 60_000;

type Request = Parameters<Server['handleWeb']>[0];

export interface BlobUploadsOptions {
  /** Absolute; where uploads under way lie, on the file system of the blobs. */
  readonly directory: string;
  readonly blobs: Blobs;
  readonly clock: Clock;
}

export class BlobUploads {
  readonly #blobs: Blobs;
  readonly #digests = new Digests();
  readonly #unfinished: Unfinished;
  readonly #tus: Server;
  readonly #finishing = new Map<string, Promise<string>>();

  constructor({ directory, blobs, clock }: BlobUploadsOptions) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#blobs = blobs;
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
    this.#tus = new Server({
      path: UPLOADS_PATH,
      datastore: this.#unfinished,
      maxSize: BLOB_BYTES,
      relativeLocation: true,
      // No page of another site uploads through somebody's browser.
      allowedOrigins: [],
      namingFunction: () => randomBytes(16).toString('hex'),
      onUploadCreate: (_request: Request, upload) => this.#begin(upload),
      onUploadFinish: (_request: Request, upload) => this.#end(upload),
      onResponseError: (_request: Request, error) =>
        error instanceof Error ? toTusError(error) : undefined,
    });
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.setTimeout(IDLE_MS, () => request.destroy());
    request.once('end', () => request.setTimeout(0));
    if (request.method === 'HEAD' && !(await this.#settle(request, response))) return;
    await this.#tus.handle(request, response);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#finishing.values());
    await this.#digests.close();
  }

  async #begin({ metadata }: Upload): Promise<{ metadata: Upload['metadata'] }> {
    const sha256 = metadata?.sha256 ?? '';
    if (!/^[0-9a-f]{64}$/.test(sha256)) {
      const why = 'an upload has a SHA-256 in its metadata, as 64 hex digits';
      throw toTusError(serverErrors.create('REQUEST_MALFORMED', { why }));
    }
    return { metadata: { sha256 } };
  }

  /**
   * Senders take a whole length for the end. An upload that came whole while the server was killed
   * becomes a blob now; where it does not, they hear why.
   */
  async #settle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const id = request.url!.split('?', 1)[0]!.split('/').at(-1)!;
    const upload = await this.#unfinished.getUpload(id).catch(() => null);
    if (!upload || upload.offset !== upload.size) return true;
    try {
      const { headers } = await this.#end(upload);
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      return true;
    } catch (error) {
      const { status_code: status } = toTusError(error);
      response.writeHead(status, { 'Tus-Resumable': '1.0.0', 'Cache-Control': 'no-store' }).end();
      return false;
    }
  }

  async #end(upload: Upload): Promise<{ headers: Record<string, string> }> {
    // Two last pieces may come at once; both hear how the one end went.
    const going = this.#finishing.get(upload.id) ?? this.#finish(upload);
    this.#finishing.set(upload.id, going);
    try {
      return { headers: { [BLOB_STORED_HEADER]: await going } };
    } catch (error) {
      throw toTusError(error);
    } finally {
      this.#finishing.delete(upload.id);
    }
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
    if (this.#blobs.claim(expected)) await rm(path, { force: true });
    else await this.#blobs.take(path, expected);
    await this.#unfinished.noteStored(id, expected);
    return expected;
  }
}
