/**
 * Uploads by the tus protocol 1.0.0 (tus.io), with the library's server for all that is small. The bytes
 * of PATCH go a shorter way: the library leads them through a web stream and four of Node's, which costs
 * more than receiving and writing them.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, Server, type Upload } from '@tus/server';
import { StraightReads } from './straight-reads.ts';
import { TusError, toTusError } from './tus-error.ts';
import type { Unfinished } from './unfinished.ts';
import { UploadLocker } from './upload-locker.ts';

export interface UploadServerOptions {
  /** Below which uploads have their addresses. */
  readonly path: string;
  readonly unfinished: Unfinished;
  readonly mostBytes: number;
  /** What is to be remembered of an upload that begins. Throws what is told to the sender. */
  readonly onBegin: (upload: Upload, sender: IncomingMessage | null) => Promise<Metadata>;
  /** All has come: headers for the answer. Throws what is told to the sender; may be asked again. */
  readonly onWhole: (upload: Upload) => Promise<Readonly<Record<string, string>>>;
}

type Metadata = NonNullable<Upload['metadata']>;
type WebRequest = Parameters<Server['handleWeb']>[0];

const VERSION = '1.0.0';
/** The rest of a refused body is read for so long, so that the refusal is not lost in a reset. */
const DRAIN_MS = 5000;

export class UploadServer {
  readonly #options: UploadServerOptions;
  readonly #locker = new UploadLocker();
  readonly #library: Server;
  readonly #finishing = new Map<string, Promise<Readonly<Record<string, string>>>>();

  constructor(options: UploadServerOptions) {
    this.#options = options;
    this.#library = new Server({
      path: options.path,
      datastore: options.unfinished,
      locker: this.#locker,
      maxSize: options.mostBytes,
      relativeLocation: true,
      // No page of another site uploads through somebody's browser.
      allowedOrigins: [],
      namingFunction: () => randomBytes(16).toString('hex'),
      onUploadCreate: (request: WebRequest, upload) => this.#begin(request, upload),
      onUploadFinish: async (_request: WebRequest, upload) => ({
        headers: { ...(await this.#end(upload)) },
      }),
      onResponseError: (_request: WebRequest, error) =>
        error instanceof Error ? toTusError(error) : undefined,
    });
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'PATCH') return this.#patch(request, response);
    if (request.method === 'HEAD' && !(await this.#settle(request, response))) return;
    await this.#library.handle(request, response);
  }

  /** Resolves when nothing is being finished any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#finishing.values());
  }

  async #begin(request: WebRequest, upload: Upload): Promise<{ metadata: Metadata }> {
    const node = (request as { runtime?: { node?: { req: IncomingMessage } } }).runtime?.node;
    try {
      return { metadata: await this.#options.onBegin(upload, node?.req ?? null) };
    } catch (error) {
      throw toTusError(error);
    }
  }

  /**
   * Senders take a whole length for the end. An upload that came whole but found no place, because
   * the disk was full or the server was killed, gets it now; where it does not, they hear why.
   */
  async #settle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const upload = await this.#options.unfinished.getUpload(idOf(request)).catch(() => null);
    if (!upload || upload.offset !== upload.size) return true;
    try {
      for (const [name, value] of Object.entries(await this.#end(upload)))
        response.setHeader(name, value);
      return true;
    } catch (error) {
      const { status_code: status } = toTusError(error);
      response.writeHead(status, { 'Tus-Resumable': VERSION, 'Cache-Control': 'no-store' }).end();
      return false;
    }
  }

  async #end(upload: Upload): Promise<Readonly<Record<string, string>>> {
    // Two last pieces may come at once; both hear how the one end went.
    const going = this.#finishing.get(upload.id) ?? this.#options.onWhole(upload);
    this.#finishing.set(upload.id, going);
    try {
      return await going;
    } catch (error) {
      throw toTusError(error);
    } finally {
      this.#finishing.delete(upload.id);
    }
  }

  async #patch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('Tus-Resumable', VERSION);
    try {
      const straight = StraightReads.of(request, response);
      const upload = await this.#take(request, offsetOf(request), straight);
      const headers = upload.offset === upload.size ? await this.#end(upload) : {};
      response.writeHead(204, { ...headers, 'Upload-Offset': upload.offset }).end();
    } catch (error) {
      refuse(request, response, error);
    }
  }

  /** The upload with what came, which is kept also when the connection breaks in the middle. */
  async #take(
    request: IncomingMessage,
    offset: number,
    straight: StraightReads | null,
  ): Promise<Upload> {
    const { unfinished } = this.#options;
    const id = idOf(request);
    const lock = this.#locker.newLock(id);
    await lock.lock(new AbortController().signal, () => void request.destroy());
    try {
      const upload = await unfinished.getUpload(id);
      if (upload.offset !== offset) throw toldBy(ERRORS.INVALID_OFFSET);
      const leftBytes = (upload.size ?? 0) - offset;
      if (Number(request.headers['content-length'] ?? 0) > leftBytes)
        throw toldBy(ERRORS.ERR_SIZE_EXCEEDED);
      upload.offset = await unfinished.write(request, id, offset, straight);
      return upload;
    } finally {
      await lock.unlock();
    }
  }
}

function idOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0]!.split('/').at(-1)!;
}

/** Of a PATCH as it should be. Throws a TusError. */
function offsetOf({ headers }: IncomingMessage): number {
  if (headers['tus-resumable'] !== VERSION)
    throw new TusError(412, `Tus-Resumable: ${VERSION} is required\n`, null);
  if (headers['content-type'] !== 'application/offset+octet-stream')
    throw new TusError(415, 'Content-Type: application/offset+octet-stream is required\n', null);
  const offset = headers['upload-offset'];
  if (typeof offset !== 'string' || !/^(?:0|[1-9]\d{0,14})$/.test(offset))
    throw new TusError(400, 'Upload-Offset must be a whole number\n', null);
  return Number(offset);
}

function toldBy({ status_code, body }: { status_code: number; body: string }): TusError {
  return new TusError(status_code, body, null);
}

/** Answers an error, and reads on for a while where the sender still sends. */
function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const { status_code: status, body } = isTold(error) ? toldBy(error) : toTusError(error);
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...(status === 412 ? { 'Tus-Version': VERSION } : {}),
  });
  if (request.complete) return void response.end(body);
  // At its end the connection may be closed, and with what was not read, reset with the answer in it.
  response.write(body);
  request.once('end', () => response.end()).resume();
  const timer = setTimeout(() => request.socket.destroy(), DRAIN_MS);
  for (const end of ['end', 'close']) request.once(end, () => clearTimeout(timer));
}

/** As the library throws them. */
function isTold(error: unknown): error is { status_code: number; body: string } {
  return Object.values<unknown>(ERRORS).includes(error);
}
