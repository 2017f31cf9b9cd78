/** Sends one file by the tus protocol, going on behind what arrived when the network breaks. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type DetailedError, Upload } from 'tus-js-client';
import type { Dispatcher } from 'undici';
import { isCertificateFault, messageOf } from '#base';
import { BegunUploads } from './begun-uploads.ts';
import { UndiciStack } from './http-stack.ts';

/** Conflicts, uploads that are forgotten, digests that are wrong: another try may do. */
const AGAIN = new Set([404, 408, 409, 410, 423, 429, 460]);

export interface SendOrder {
  /** Where uploads begin. */
  readonly url: string;
  readonly dispatcher: Dispatcher;
  /** Bearer secret; `''`: none. */
  readonly secret: string;
  readonly path: string;
  /** Of the file as it is to arrive. */
  readonly bytes: number;
  /** What the other side is told of it; with its digest, so that another version is another upload. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Absolute; where it is remembered which uploads were begun, for the next run. */
  readonly memory: string;
  /** Of the last answer: its value says what became of the file. */
  readonly answerHeader: string;
  readonly signal: AbortSignal;
  onProgress(sentBytes: number): void;
}

/** A network that is away for half a minute costs nothing; then the user is told. */
const RETRY_DELAYS_MS = [0, 500, 1000, 2000, 4000, 8000, 15_000];

/** Resolves with the header of the last answer. What it rejects with is put by `sendingReason`. */
export function sendFile(order: SendOrder): Promise<string> {
  const { url, path, bytes, metadata, secret, signal } = order;
  const fingerprint = createHash('sha256').update(JSON.stringify([url, metadata, bytes]));
  const key = fingerprint.digest('hex');
  return new Promise((resolve, reject) => {
    const upload = new Upload(createReadStream(path) as never, {
      endpoint: url,
      uploadSize: bytes,
      metadata: { ...metadata },
      headers: secret === '' ? {} : { Authorization: `Bearer ${secret}` },
      httpStack: new UndiciStack(order.dispatcher),
      urlStorage: new BegunUploads(order.memory),
      fingerprint: async () => key,
      removeFingerprintOnSuccess: true,
      retryDelays: RETRY_DELAYS_MS,
      onShouldRetry: (error) => !signal.aborted && isPassing(error),
      onProgress: (sent) => order.onProgress(sent),
      onSuccess: ({ lastResponse }) => {
        const answer = lastResponse.getHeader(order.answerHeader.toLowerCase());
        if (answer !== undefined) resolve(answer);
        else reject(new Error('the other side does not say that it has stored it'));
      },
      onError: reject,
    });
    const stop = () => void upload.abort().then(() => reject(signal.reason));
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    upload.findPreviousUploads().then(([previous]) => {
      if (previous) upload.resumeFromPreviousUpload(previous);
      upload.start();
    }, reject);
  });
}

/** No answer, a fault of the other side's, a full disk, too many at once; not a refusal. */
function isPassing(error: DetailedError): boolean {
  const status = error.originalResponse?.getStatus();
  if (isCertificateFault(error.causingError)) return false;
  return status === undefined || status >= 500 || status === 409 || status === 423;
}

/** Whether the other side does not want the file, and will not want it later either. */
export function isRefusal(error: unknown): boolean {
  const status = (error as Partial<DetailedError>).originalResponse?.getStatus() ?? 0;
  return status >= 400 && status < 500 && !AGAIN.has(status);
}

/** What became of the connection; null where the other side answered. */
export function connectionError(error: unknown): unknown {
  const { originalResponse, causingError } = error as Partial<DetailedError>;
  return originalResponse || !causingError ? null : causingError;
}

/** For people: what the other side answered, or what became of the connection. */
export function sendingReason(error: unknown): string {
  const answer = (error as Partial<DetailedError> | null)?.originalResponse;
  const cause = (error as Partial<DetailedError> | null)?.causingError;
  if (!answer) return messageOf(cause ?? error);
  return `HTTP ${answer.getStatus()} ${answer.getBody().trim()}`;
}
