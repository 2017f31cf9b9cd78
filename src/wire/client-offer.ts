/**
 * The executable that a server has for its workers: `GET /client/<platform>` describes it, `GET
 * /client/<platform>/<sha256>` gives its bytes. Workers of other versions read this to become of the
 * server's own, so it stays as it is whatever becomes of the protocol beside it.
 */
import {
  checked,
  type JsonObject,
  label,
  list,
  object,
  oneOf,
  sha256Hex,
  whole,
} from './checked.ts';

export interface ClientOffer {
  /** Windrow's version, as `1.2.3`. */
  readonly version: string;
  /** Of the executable itself, however it travels. */
  readonly sha256: string;
  readonly bytes: number;
  /** In what forms it is kept there; `identity` always works. */
  readonly encodings: readonly ClientEncoding[];
}

export type ClientEncoding = 'identity' | 'zstd' | 'gzip';

const ENCODINGS = new Set(['identity', 'zstd', 'gzip'] as const);

/** Reads the description of a client. Throws `MESSAGE_MALFORMED`. */
export function parseClientOffer(json: unknown): ClientOffer {
  return checked(() => readClientOffer(object(json, '')));
}

export function readClientOffer(fields: JsonObject): ClientOffer {
  return {
    version: label(fields.version, 'version', 100),
    sha256: sha256Hex(fields.sha256, 'sha256'),
    bytes: whole(fields.bytes, 'bytes', 1),
    encodings: list(fields.encodings, 'encodings', 10, (value) => oneOf(value, '', ENCODINGS)),
  };
}

/**
 * Whether version `a` comes before `b`: by their numbers, and what is not released (`1.2.3-rc.1`)
 * before what is (Semantic Versioning 2.0.0, 11, without the order among what is not released).
 */
export function isOlderVersion(a: string, b: string): boolean {
  const [one, other] = [orderOf(a), orderOf(b)];
  for (const [at, number] of one.entries()) {
    if (number !== other[at]) return number < other[at]!;
  }
  return false;
}

function orderOf(version: string): [number, number, number, number] {
  const found = /^(\d+)\.(\d+)\.(\d+)(-?)/.exec(version);
  if (!found) return [0, 0, 0, 0];
  const [, major, minor, patch, unreleased] = found;
  return [Number(major), Number(minor), Number(patch), unreleased === '' ? 1 : 0];
}
