/** Sends one file by the tus protocol, going on behind what arrived when the network breaks. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DetailedError, type PreviousUpload, Upload, type UrlStorage } from 'tus-js-client';
import type { Dispatcher } from 'undici';
import { messageOf } from '#base';
import { digestFile } from '#wire';
import { tracesErrors } from '../errors.ts';
import { UPLOADS_PATH } from '../receive/upload-path.ts';
import { UndiciStack } from './http-stack.ts';

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

/** A network that is away for half a minute costs nothing; then the user is told. */
const RETRY_DELAYS_MS = [0, 500, 1000, 2000, 4000, 8000, 15_000];

/** Resolves when the store has the whole file with the right digest. Throws TRACE_UPLOAD_FAILED. */
export async function uploadTrace(to: Destination, options: UploadOptions): Promise<Uploaded> {
  const { id, name, path, signal } = options;
  const { bytes, sha256 } = await digestFile(path);
  const metadata = { username: to.account, id, filename: name, sha256 };
  const fingerprint = createHash('sha256').update(JSON.stringify([to.url, metadata, bytes]));
  const key = fingerprint.digest('hex');
  const storedAs = await new Promise<string>((resolve, reject) => {
    const told = (header: string | undefined) => {
      if (header !== undefined) resolve(decodeURIComponent(header));
      else reject(failure('the collector does not say that it has stored it', path, to.url));
    };
    const upload = new Upload(createReadStream(path) as never, {
      endpoint: new URL(UPLOADS_PATH, to.url).href,
      uploadSize: bytes,
      metadata,
      headers: to.secret === '' ? {} : { Authorization: `Bearer ${to.secret}` },
      httpStack: new UndiciStack(to.dispatcher),
      urlStorage: new BegunUploads(options.memory),
      fingerprint: async () => key,
      removeFingerprintOnSuccess: true,
      retryDelays: RETRY_DELAYS_MS,
      onShouldRetry: (error) => !signal.aborted && isPassing(error),
      onProgress: (sent) => options.onProgress(sent, bytes),
      onSuccess: ({ lastResponse }) => told(lastResponse.getHeader('trace-stored-as')),
      onError: (error) => reject(failure(error, path, to.url)),
    });
    const stop = () => {
      void upload.abort().then(() => reject(failure(signal.reason, path, to.url)));
    };
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    upload.findPreviousUploads().then(([previous]) => {
      if (previous) upload.resumeFromPreviousUpload(previous);
      upload.start();
    }, reject);
  });
  return { bytes, sha256, storedAs };
}

/** No answer, a fault of the server's, a full disk, too many at once; not a refusal. */
function isPassing(error: DetailedError): boolean {
  const status = error.originalResponse?.getStatus();
  return status === undefined || status >= 500 || status === 409 || status === 423;
}

function failure(error: unknown, file: string, url: string): Error {
  const answer = (error as Partial<DetailedError> | null)?.originalResponse;
  const cause = (error as Partial<DetailedError> | null)?.causingError;
  const reason = answer
    ? `HTTP ${answer.getStatus()} ${answer.getBody().trim()}`
    : messageOf(cause ?? error);
  return tracesErrors.create('TRACE_UPLOAD_FAILED', { file, url, reason }, { cause: error });
}

/** One small file for each upload that was begun: the address at which it can be gone on with. */
class BegunUploads implements UrlStorage {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async findAllUploads(): Promise<PreviousUpload[]> {
    return [];
  }

  async findUploadsByFingerprint(fingerprint: string): Promise<PreviousUpload[]> {
    try {
      const text = await readFile(this.#pathOf(fingerprint), 'utf8');
      return [{ ...(JSON.parse(text) as PreviousUpload), urlStorageKey: fingerprint }];
    } catch {
      return [];
    }
  }

  async removeUpload(key: string): Promise<void> {
    await rm(this.#pathOf(key), { force: true });
  }

  async addUpload(fingerprint: string, upload: PreviousUpload): Promise<string> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const draft = `${this.#pathOf(fingerprint)}.${process.pid}`;
    await writeFile(draft, JSON.stringify(upload), { mode: 0o600 });
    await rename(draft, this.#pathOf(fingerprint));
    return fingerprint;
  }

  #pathOf(fingerprint: string): string {
    return join(this.#directory, `${fingerprint}.json`);
  }
}
