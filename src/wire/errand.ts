/**
 * Errands: what a worker does for its server besides attempts. They come with the answer to a sync,
 * again and again until the worker has reported on them by `POST /errands/<id>`.
 */
import {
  checked,
  flag,
  type JsonObject,
  label,
  object,
  oneOf,
  quantity,
  text,
  whole,
} from './checked.ts';

/** Bring the traces of the machine to a collector. */
export interface Errand {
  readonly id: number;
  readonly kind: 'collect-traces';
  readonly traceId: string;
  /** Absolute; `''`: what the worker's own settings say, here and below. */
  readonly directory: string;
  readonly match: string;
  /** `zstd`, `bzip2` or `none`. */
  readonly compression: string;
  readonly remove: boolean;
  /** Of the collector; `''`: the worker's own server. */
  readonly url: string;
  readonly account: string;
  /** `''`: none. */
  readonly secret: string;
  /** Uploads over plain HTTP to another machine are allowed. */
  readonly insecure: boolean;
}

export interface ErrandReport {
  readonly worker: string;
  readonly state: 'running' | 'done' | 'failed';
  /** Files. */
  readonly stored: number;
  readonly failed: number;
  /** As they were sent. */
  readonly bytes: number;
  /** Of all files that were found, as they lie on the machine. */
  readonly foundBytes: number;
  /** How far it is with these. */
  readonly doneBytes: number;
  /** Why it failed, or what failed first. */
  readonly message: string;
}

const PATH = 4096;
const STATES = new Set(['running', 'done', 'failed'] as const);
const COMPRESSIONS = new Set(['', 'zstd', 'bzip2', 'none'] as const);
const KINDS = new Set(['collect-traces'] as const);

/** Throws `MESSAGE_MALFORMED`, as the check of the message around it. */
export function readErrand(value: unknown): Errand {
  const fields = object(value, '');
  return {
    id: whole(fields.id, 'id', 1),
    kind: oneOf(fields.kind, 'kind', KINDS),
    traceId: label(fields.traceId, 'traceId', 64),
    directory: text(fields.directory, 'directory', PATH),
    match: text(fields.match, 'match', PATH),
    // Servers of before did not say.
    compression: oneOf(fields.compression ?? '', 'compression', COMPRESSIONS),
    remove: flag(fields.remove, 'remove'),
    url: text(fields.url, 'url', PATH),
    account: text(fields.account, 'account', 255),
    secret: text(fields.secret, 'secret', PATH),
    insecure: flag(fields.insecure, 'insecure'),
  };
}

/** Reads `POST /errands/<id>`. Throws `MESSAGE_MALFORMED`. */
export function parseErrandReport(json: unknown): ErrandReport {
  return checked(() => readReport(object(json, '')));
}

function readReport(fields: JsonObject): ErrandReport {
  return {
    worker: label(fields.worker, 'worker', 200),
    state: oneOf(fields.state, 'state', STATES),
    stored: whole(fields.stored, 'stored'),
    failed: whole(fields.failed, 'failed'),
    bytes: quantity(fields.bytes, 'bytes'),
    // Workers of before did not tell.
    foundBytes: quantity(fields.foundBytes ?? 0, 'foundBytes'),
    doneBytes: quantity(fields.doneBytes ?? 0, 'doneBytes'),
    message: text(fields.message, 'message', 4000),
  };
}
