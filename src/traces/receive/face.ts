/** The HTTP side of the collector: resumable uploads and the form of old, behind one set of gates. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf, WindrowError } from '#base';
import { tracesErrors } from '../errors.ts';
import type { TraceStore } from '../store/trace-store.ts';
import { type AccessRules, requireSender } from './access.ts';
import { FORM_PATH, receiveForm } from './form-upload.ts';
import { TusUploads } from './tus.ts';
import { UPLOADS_PATH } from './upload-path.ts';

/** Senders that send nothing for so long are cut off. */
const IDLE_MS = 60_000;
/** The rest of a refused body is read for so long, so that the refusal is not lost in a reset. */
const DRAIN_MS = 5000;
const RETRY_AFTER_S = 2;

export interface FaceOptions {
  readonly store: TraceStore;
  readonly rules: AccessRules;
  /** How long an upload that broke off may be gone on with. */
  readonly unfinishedMs: number;
  /** Uploads at once; the others are told to come again. */
  readonly mostAtOnce: number;
  readonly onFault: (message: string, error: unknown) => void;
}

export class TracesFace {
  readonly #options: FaceOptions;
  readonly #tus: TusUploads;
  #atOnce = 0;

  constructor(options: FaceOptions) {
    this.#options = options;
    this.#tus = new TusUploads(options.store, options.rules, options.unfinishedMs);
  }

  /** Whether a request with this path is one for `handle`. */
  isMeant(path: string): boolean {
    return path === FORM_PATH || path === UPLOADS_PATH || path.startsWith(`${UPLOADS_PATH}/`);
  }

  /** Answers the request. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.setTimeout(IDLE_MS, () => request.destroy());
    // From then on it is the sender who waits: for the disk, and for the digest.
    request.once('end', () => request.setTimeout(0));
    const isOver = this.#atOnce >= this.#options.mostAtOnce;
    this.#atOnce++;
    try {
      requireSender(request, this.#options.rules);
      if (isOver) throw tracesErrors.create('TRACE_BUSY');
      await this.#receive(request, response);
    } catch (error) {
      this.#refuse(request, response, error);
    } finally {
      this.#atOnce--;
    }
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { store, rules } = this.#options;
    const path = (request.url ?? '').split('?', 1)[0]!;
    if (path !== FORM_PATH) return this.#tus.handle(request, response);
    if (request.method !== 'POST') {
      response.writeHead(405, { Allow: 'POST' }).end();
      return;
    }
    await receiveForm(request, response, store, rules);
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': 0 });
    response.end();
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const known = error instanceof WindrowError ? error : null;
    if (!known) this.#options.onFault('an upload of a trace failed', error);
    if (response.headersSent || response.destroyed) return void response.destroy();
    const text = known ? `${known.code}: ${messageOf(known)}\n` : 'the trace store failed\n';
    response.writeHead(known?.status ?? 500, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      ...(known?.status === 503 ? { 'Retry-After': RETRY_AFTER_S } : {}),
    });
    if (request.complete) return void response.end(text);
    // At its end the connection may be closed, and with what was not read, reset with the answer in it.
    response.write(text);
    request.once('end', () => response.end()).resume();
    const timer = setTimeout(() => request.socket.destroy(), DRAIN_MS);
    for (const end of ['end', 'close']) request.once(end, () => clearTimeout(timer));
  }
}
