/**
 * Resumable uploads by the tus protocol 1.0.0 (tus.io): an upload names its trace id, file name,
 * account and SHA-256 when it begins; it is stored when all of it has come and the digest is right.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server, type Upload } from '@tus/server';
import { systemCodeOf } from '#base';
import { TusError, toTusError, Unfinished } from '#uploads';
import { tracesErrors } from '../errors.ts';
import type { TraceStore } from '../store/trace-store.ts';
import { requireId, requireSentName } from '../trace-name.ts';
import { type AccessRules, requireAccount } from './access.ts';
import { diskFull } from './disk-full.ts';
import { STORED_AS_HEADER, UPLOADS_PATH } from './upload-path.ts';

type Request = Parameters<Server['handleWeb']>[0];

export class TusUploads {
  readonly #store: TraceStore;
  readonly #rules: AccessRules;
  readonly #unfinished: Unfinished;
  readonly #keepMs: number;
  readonly #tus: Server;
  readonly #finishing = new Map<string, Promise<string>>();

  constructor(store: TraceStore, rules: AccessRules, keepMs: number) {
    this.#store = store;
    this.#rules = rules;
    this.#keepMs = keepMs;
    const now = () => store.clock.now();
    const requireRoom = ({ metadata, size = 0 }: Pick<Upload, 'metadata' | 'size'>) =>
      store.requireRoom(announced(metadata, size));
    this.#unfinished = new Unfinished({
      ...{ directory: store.incoming, now, digests: store.digests, requireRoom },
      failures: {
        unknown: (cause) => tracesErrors.create('TRACE_UPLOAD_UNKNOWN', {}, { cause }),
        diskFull: (cause) => diskFull(keepMs, cause),
        isHopeless: (error) => systemCodeOf(error) === 'TRACE_ID_FULL',
      },
    });
    this.#tus = new Server({
      path: UPLOADS_PATH,
      datastore: this.#unfinished,
      maxSize: store.limits.fileBytes,
      relativeLocation: true,
      // No page of another site uploads through somebody's browser.
      allowedOrigins: [],
      namingFunction: () => randomBytes(16).toString('hex'),
      onUploadCreate: (request, upload) => this.#begin(request, upload),
      onUploadFinish: (_request, upload) => this.#end(upload),
      onResponseError: (_request, error) =>
        error instanceof Error ? toTusError(error) : undefined,
    });
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'HEAD' && !(await this.#settle(request, response))) return;
    await this.#tus.handle(request, response);
  }

  /**
   * Senders take a whole length for the end. An upload that came whole but found no place, because
   * the disk was full or the server was killed, gets it now; where it does not, they hear why.
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

  async #begin(request: Request, upload: Upload): Promise<{ metadata: Upload['metadata'] }> {
    const given = upload.metadata ?? {};
    try {
      requireAccount(given.username, this.#rules);
      const id = requireId(field(given, 'id'));
      const filename = requireSentName(field(given, 'filename'));
      const sha256 = field(given, 'sha256');
      if (!/^[0-9a-f]{64}$/.test(sha256))
        throw tracesErrors.create('TRACE_FIELD_MISSING', { field: 'sha256 in hex' });
      await this.#store.requireRoom({ id, name: filename, sha256, bytes: upload.size ?? 0 });
      const sender = this.#store.anonymous ? null : addressOf(request);
      return { metadata: { id, filename, sha256, sender } };
    } catch (error) {
      throw toTusError(error);
    }
  }

  async #end(upload: Upload): Promise<{ headers: Record<string, string> }> {
    // Two last pieces may come at once; both hear how the one end went.
    const going = this.#finishing.get(upload.id) ?? this.#finish(upload);
    this.#finishing.set(upload.id, going);
    try {
      return { headers: { [STORED_AS_HEADER]: encodeURIComponent(await going) } };
    } catch (error) {
      throw toTusError(error);
    } finally {
      this.#finishing.delete(upload.id);
    }
  }

  async #finish({ id: uploadId, size = 0, metadata }: Upload): Promise<string> {
    const storedAs = await this.#unfinished.storedAs(uploadId);
    if (storedAs !== null) return storedAs;
    const { id, name, sha256: expected } = announced(metadata, size);
    const found = await this.#unfinished.digest(uploadId);
    if (found !== expected) {
      await this.#unfinished.remove(uploadId);
      throw tracesErrors.create('TRACE_DIGEST_WRONG', { name, found, expected });
    }
    const path = this.#unfinished.dataPath(uploadId);
    const arrival = { path, id, name, sha256: found, bytes: size };
    try {
      const stored = await this.#store.admit({ ...arrival, sender: metadata?.sender ?? null });
      await this.#unfinished.noteStored(uploadId, stored.name);
      return stored.name;
    } catch (error) {
      if (systemCodeOf(error) === 'ENOSPC') throw diskFull(this.#keepMs, error);
      if (systemCodeOf(error) === 'TRACE_ID_FULL') await this.#unfinished.remove(uploadId);
      throw error;
    }
  }
}

/** What was checked when the upload began. */
function announced(metadata: Upload['metadata'], bytes: number) {
  const { id, filename, sha256 } = metadata as Record<string, string>;
  return { id: id!, name: filename!, sha256: sha256!, bytes };
}

function field(metadata: Record<string, string | null>, name: string): string {
  const value = metadata[name];
  if (!value) throw new TusError(400, `TRACE_FIELD_MISSING: the upload has no ${name}\n`, null);
  return value;
}

function addressOf(request: Request): string | null {
  const node = (request as { runtime?: { node?: { req: IncomingMessage } } }).runtime?.node;
  return node?.req.socket.remoteAddress ?? null;
}
