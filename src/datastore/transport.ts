/**
 * How bytes of a key come here: one transport for each scheme of URLs. The store keeps for itself
 * what must be right whatever brings the bytes: retries, resuming, length, digests, the commit. A
 * transport only asks once and says exactly what it was answered.
 */

/** User and password, as they stand in an address. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** What the origin said of a version; all as it came, `null` where it said nothing. */
export interface Validators {
  /** With its quotes, and `W/` in front of a weak one. */
  readonly etag: string | null;
  readonly lastModified: string | null;
  /** The answer's `Date`: a Last-Modified counts as strong a second before it (RFC 9110, 8.8.2.2). */
  readonly date: string | null;
}

/** Digests in lower-case hex that the bytes must have; what is left out is not checked. */
export interface Digests {
  readonly sha256?: string;
  readonly md5?: string;
  readonly sha1?: string;
  readonly sha512?: string;
}

export interface StreamOrder {
  /** Without user information and fragment. */
  readonly url: URL;
  /** Where to begin; above 0 only together with `ifRange`. */
  readonly fromByte: number;
  /** A strong validator of the bytes that are here already: ETag or date. */
  readonly ifRange: string | null;
  /** What is stored, when the question is whether it is still right; `null`: give it in any case. */
  readonly known: Validators | null;
  /** Who asks: credentials may depend on it. `''`: everybody of this store. */
  readonly owner: string;
  /** What the address itself had in front of its host; goes with nothing but this request. */
  readonly login: Login | null;
  /** Past all proxies: one of them may have spoilt what came before. */
  readonly isDirect: boolean;
  readonly signal: AbortSignal;
}

/** The answer to a `StreamOrder`. A transport rejects with a `TransferFailure` for everything else. */
export type Opened =
  | {
      /** `part`: begins at `fromByte`, which the transport has checked, as it has the validator. */
      readonly kind: 'whole' | 'part';
      /** Bytes of the whole file; null where the origin does not say. */
      readonly totalBytes: number | null;
      readonly validators: Validators;
      readonly mediaType: string | null;
      /** What the origin says the whole must have. */
      readonly digests: Digests;
      /** Answer headers that RFC 9111 asks about, lower-case; empty for other protocols. */
      readonly headers: Readonly<Record<string, string>>;
      readonly status: number;
      readonly way: string;
      /** Credentials went with the request. */
      readonly isPrivate: boolean;
      /** False: an end of the body is no proof that all came (close-delimited). */
      readonly endIsProof: boolean;
      /**
       * Ends early or throws when the connection drops; destroyed by breaking off the iteration. Blocks
       * are the taker's, who may give their memory back.
       */
      readonly body: AsyncIterable<Uint8Array>;
    }
  | {
      readonly kind: 'unchanged';
      readonly headers: Readonly<Record<string, string>>;
      readonly validators: Validators;
      readonly status: number;
      readonly way: string;
    }
  /** What is here of it cannot be gone on with (416, or another version): begin again. */
  | { readonly kind: 'restart'; readonly way: string };

/** Brings bytes as a stream that can be gone on with. */
export interface StreamTransport {
  readonly kind: 'stream';
  /** Lower case, without `:`. */
  readonly schemes: readonly string[];
  /** Limits and proxies count by it: `https://data.example:443`. */
  originOf(url: URL): string;
  open(order: StreamOrder): Promise<Opened>;
  /** The bytes that came this way were cut off, too slow or wrong: the next try may go another. */
  blame?(url: URL, way: string): void;
  close?(): Promise<void>;
}

export interface FileOrder {
  readonly url: URL;
  /** Absolute; does not exist yet. To be written by the transport, as a plain file. */
  readonly path: string;
  readonly known: Validators | null;
  readonly owner: string;
  readonly login: Login | null;
  /** More is refused afterwards; what can count may end earlier. */
  readonly mostBytes: number;
  readonly signal: AbortSignal;
  /** Bytes so far, and of the whole where it is known. */
  onProgress(bytes: number, totalBytes: number | null): void;
}

export type Brought =
  | {
      readonly kind: 'whole';
      readonly totalBytes: number | null;
      readonly validators: Validators;
      readonly mediaType: string | null;
      readonly digests: Digests;
      readonly way: string;
      readonly isPrivate: boolean;
    }
  | { readonly kind: 'unchanged'; readonly way: string };

/** Brings a whole file to a path in one go: a program, a local file. */
export interface FileTransport {
  readonly kind: 'file';
  readonly schemes: readonly string[];
  originOf(url: URL): string;
  bring(order: FileOrder): Promise<Brought>;
  close?(): Promise<void>;
}

export type Transport = StreamTransport | FileTransport;

/**
 * Why a transfer failed. `again`: worth another try after a while (refused, reset, 408, 429, 5xx,
 * too slow); `refused`: never (401, 403, 404, a plugin's own no); `wrong`: bytes that are not
 * what they must be: length, digest.
 */
export type FailureKind = 'again' | 'refused' | 'wrong';

/** How a transport says that it did not work. The message is one sentence for a person. */
export class TransferFailure extends Error {
  override readonly name = 'TransferFailure';
  readonly kind: FailureKind;
  /** HTTP status, or 0. */
  readonly status: number;
  /** The origin's wish (Retry-After), or null. */
  readonly retryAfterMs: number | null;
  /** A number of the transport's own, as a plugin's subcode; 0: none. */
  readonly subcode: number;

  constructor(
    kind: FailureKind,
    message: string,
    more: {
      readonly status?: number;
      readonly retryAfterMs?: number | null;
      readonly subcode?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: more.cause });
    this.kind = kind;
    this.status = more.status ?? 0;
    this.retryAfterMs = more.retryAfterMs ?? null;
    this.subcode = more.subcode ?? 0;
  }
}
