/** Content by its digest, `SCHEME:<sha256>`, from somebody who keeps it: as a worker's server does. */
import { messageOf, WindrowError } from '#base';
import { type StreamTransport, TransferFailure } from './transport.ts';

export interface ContentPiece {
  /** Of the whole file; null where it is not said. */
  readonly totalBytes: number | null;
  /** Where the body begins: as asked for, or 0. */
  readonly fromByte: number;
  readonly body: AsyncIterable<Uint8Array>;
  /** Who gives it, where there are several. */
  readonly from?: string;
}

export interface ContentSource {
  /** Rejects with a `WindrowError`; its HTTP status tells whether to try again. */
  open(sha256: string, fromByte: number, signal: AbortSignal): Promise<ContentPiece>;
}

/** The digest is the validator: bytes of one digest are of one version. */
export function contentTransport(scheme: string, source: ContentSource): StreamTransport {
  return {
    kind: 'stream',
    schemes: [scheme],
    originOf: () => `${scheme}:`,
    async open({ url, fromByte, known, signal }) {
      const sha256 = url.pathname.replace(/^\/+/, '');
      const validators = { etag: `"${sha256}"`, lastModified: null, date: null };
      const came = { headers: {}, validators, status: 200, way: 'direct' };
      if (known?.etag === validators.etag) return { kind: 'unchanged', ...came };
      const piece = await source.open(sha256, fromByte, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        throw failureOf(error);
      });
      if (piece.fromByte !== fromByte) {
        await piece.body[Symbol.asyncIterator]().return?.();
        return { kind: 'restart', way: 'direct' };
      }
      return {
        kind: fromByte === 0 ? 'whole' : 'part',
        totalBytes: piece.totalBytes,
        mediaType: null,
        digests: { sha256 },
        isPrivate: false,
        endIsProof: piece.totalBytes !== null,
        body: piece.body,
        ...came,
        way: piece.from ?? came.way,
      };
    },
  };
}

function failureOf(error: unknown): TransferFailure {
  const status = error instanceof WindrowError ? error.status : 0;
  const isPassing = status === 0 || status === 408 || status === 429 || status >= 500;
  return new TransferFailure(isPassing ? 'again' : 'refused', messageOf(error), {
    status,
    cause: error,
  });
}
