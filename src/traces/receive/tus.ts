/**
 * Resumable uploads by the tus protocol 1.0.0 (tus.io): an upload names its trace id, file name,
 * account and SHA-256 when it begins; it is stored when all of it has come and the digest is right.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Upload } from '@tus/server';
import { systemCodeOf } from '#base';
import { TusError, Unfinished, UploadServer } from '#uploads';
import { tracesErrors } from '../errors.ts';
import type { TraceStore } from '../store/trace-store.ts';
import { requireId, requireSentName } from '../trace-name.ts';
import { type AccessRules, requireAccount } from './access.ts';
import { diskFull } from './disk-full.ts';
import { STORED_AS_HEADER, UPLOADS_PATH } from './upload-path.ts';

export class TusUploads {
  readonly #store: TraceStore;
  readonly #rules: AccessRules;
  readonly #unfinished: Unfinished;
  readonly #keepMs: number;
  readonly #server: UploadServer;

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
    this.#server = new UploadServer({
      path: UPLOADS_PATH,
      unfinished: this.#unfinished,
      mostBytes: store.limits.fileBytes,
      onBegin: (upload, sender) => this.#begin(upload, sender),
      onWhole: async (upload) => ({
        [STORED_AS_HEADER]: encodeURIComponent(await this.#finish(upload)),
      }),
    });
  }

  handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.#server.handle(request, response);
  }

  async #begin(upload: Upload, sender: IncomingMessage | null) {
    const given = upload.metadata ?? {};
    requireAccount(given.username, this.#rules);
    const id = requireId(field(given, 'id'));
    const filename = requireSentName(field(given, 'filename'));
    const sha256 = field(given, 'sha256');
    if (!/^[0-9a-f]{64}$/.test(sha256))
      throw tracesErrors.create('TRACE_FIELD_MISSING', { field: 'sha256 in hex' });
    await this.#store.requireRoom({ id, name: filename, sha256, bytes: upload.size ?? 0 });
    const address = this.#store.anonymous ? null : (sender?.socket.remoteAddress ?? null);
    return { id, filename, sha256, sender: address };
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
