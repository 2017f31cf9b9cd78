/** What an error of a conversation with the server means for whoever sent the request. */
import { WindrowError } from '#base';

/** The HTTP status behind an error; undefined when it has none. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof WindrowError)) return undefined;
  const told = error.facts.status;
  return error.code === 'SERVER_REFUSED' && typeof told === 'number' ? told : error.status;
}

export type Fate =
  /** The connection or the server had a bad moment: the same request may succeed later. */
  | 'later'
  /** The server's disk is full: later, and not soon. */
  | 'full'
  /** The ticket is not current any more. */
  | 'unwanted'
  /** The secret is not this server's. */
  | 'session'
  /** The two sides do not speak the same protocol. */
  | 'protocol'
  /** It would fail again. */
  | 'refused';

const BROKEN = new Set([
  'SERVER_UNREACHABLE',
  'SERVER_CONNECTION_LOST',
  'SERVER_SILENT',
  'EXCHANGE_ABORTED',
]);

export function fateOf(error: unknown): Fate {
  if (!(error instanceof WindrowError)) return 'refused';
  if (BROKEN.has(error.code)) return 'later';
  if (error.code === 'PROTOCOL_MISMATCH') return 'protocol';
  const status = statusOf(error);
  if (status === 401 || status === 403) return 'session';
  if (status === 409 || status === 410) return 'unwanted';
  if (status === 426) return 'protocol';
  if (status === 507) return 'full';
  return status === 408 || status === 429 || (status ?? 0) >= 500 ? 'later' : 'refused';
}

/** Errors of this machine's files have statuses of 500 too, and repeating would not help soon. */
export function isLocal(error: unknown): boolean {
  return error instanceof WindrowError && /^FILE_/.test(error.code);
}
