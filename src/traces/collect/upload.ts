/** Sends one file to a collector, going on behind what arrived when the network breaks. */
import type { Dispatcher } from 'undici';
import { connectionError, isRefusal, sendFile, sendingReason } from '#uploads';
import { certificateFault, digestFile } from '#wire';
import { tracesErrors } from '../errors.ts';
import { STORED_AS_HEADER, UPLOADS_PATH } from '../receive/upload-path.ts';

export interface Destination {
  /** `https://HOST:PORT`. */
  readonly url: string;
  readonly dispatcher: Dispatcher;
  readonly account: string;
  /** `''`: none. */
  readonly secret: string;
}

export interface UploadOptions {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  /** What it is called when something goes wrong: the trace that `path` may be a copy of. */
  readonly file: string;
  /** Absolute; where it is remembered which uploads were begun, for the next run. */
  readonly memory: string;
  readonly signal: AbortSignal;
  readonly onProgress: (sentBytes: number, bytes: number) => void;
}

export interface Uploaded {
  readonly bytes: number;
  readonly sha256: string;
  /** The name that the store gave it. */
  readonly storedAs: string;
}

/**
 * Resolves when the store has the whole file with the right digest. Throws TRACE_UPLOAD_REFUSED where the
 * collector does not want it, TRACE_UPLOAD_FAILED where it failed, TRACE_COLLECTOR_AWAY where it cannot be
 * reached, and SERVER_… for its certificate.
 */
export async function uploadTrace(to: Destination, options: UploadOptions): Promise<Uploaded> {
  const { id, name, path, signal } = options;
  const { bytes, sha256 } = await digestFile(path);
  const metadata = { username: to.account, id, filename: name, sha256 };
  try {
    const storedAs = await sendFile({
      ...{ path, bytes, metadata, memory: options.memory, signal },
      url: new URL(UPLOADS_PATH, to.url).href,
      dispatcher: to.dispatcher,
      secret: to.secret,
      answerHeader: STORED_AS_HEADER,
      onProgress: (sent) => options.onProgress(sent, bytes),
    });
    return { bytes, sha256, storedAs: decodeURIComponent(storedAs) };
  } catch (error) {
    const facts = { file: options.file, url: to.url, reason: sendingReason(error) };
    const broken = connectionError(error);
    if (broken !== null && !signal.aborted) {
      const fault = certificateFault(to.url, broken);
      throw fault ?? tracesErrors.create('TRACE_COLLECTOR_AWAY', facts, { cause: error });
    }
    const code = isRefusal(error) ? 'TRACE_UPLOAD_REFUSED' : 'TRACE_UPLOAD_FAILED';
    throw tracesErrors.create(code, facts, { cause: error });
  }
}
