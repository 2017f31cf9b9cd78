/** What the headers of an answer say of its bytes. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Digests, Validators } from '../transport.ts';

export type AnswerHeaders = IncomingHttpHeaders;

export function validatorsOf(headers: AnswerHeaders): Validators {
  const { etag, date } = headers;
  return {
    etag: short(etag),
    lastModified: short(headers['last-modified']),
    date: short(date),
  };
}

/** They go into files and back into requests. */
function short(value: string | undefined): string | null {
  return value === undefined || value.length > 1024 ? null : value;
}

/** `bytes 0-99/200` (RFC 9110, 14.4); null when it is anything else. */
export function contentRange(
  text: string | undefined,
): { readonly first: number; readonly last: number; readonly total: number } | null {
  const found = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(text?.trim() ?? '');
  if (!found) return null;
  const [first, last, total] = found.slice(1).map(Number) as [number, number, number];
  return first <= last && last < total ? { first, last, total } : null;
}

const ALGORITHMS: Readonly<Record<string, keyof Digests>> = {
  'sha-256': 'sha256',
  'sha-512': 'sha512',
  sha: 'sha1',
  md5: 'md5',
};
const BYTES: Readonly<Record<keyof Digests, number>> = {
  sha256: 32,
  sha512: 64,
  sha1: 20,
  md5: 16,
};

/**
 * Digests of the whole file: Repr-Digest (RFC 9530), Digest (RFC 3230), and Content-MD5 (RFC 1864)
 * where the whole was sent. Of algorithms that are not known, and what is malformed, nothing.
 */
export function digestsIn(headers: AnswerHeaders, isWhole: boolean): Digests {
  const found: { -readonly [Name in keyof Digests]: string } = {};
  const add = (algorithm: string, base64: string) => {
    const name = ALGORITHMS[algorithm.toLowerCase()];
    const bytes = Buffer.from(base64, 'base64');
    if (name && bytes.length === BYTES[name]) found[name] = bytes.toString('hex');
  };
  const md5 = headers['content-md5'];
  if (isWhole && typeof md5 === 'string') add('md5', md5);
  for (const part of listOf(headers.digest)) {
    const [, algorithm, value] = /^([\w-]+)=(.+)$/.exec(part) ?? [];
    if (algorithm && value) add(algorithm, value);
  }
  for (const part of listOf(headers['repr-digest'])) {
    const [, algorithm, value] = /^([\w-]+)=:([A-Za-z0-9+/=]+):/.exec(part) ?? [];
    if (algorithm && value) add(algorithm, value);
  }
  return found;
}

function listOf(value: string | string[] | undefined): string[] {
  const text = Array.isArray(value) ? value.join(',') : (value ?? '');
  return text.split(',').map((part) => part.trim());
}

/** Retry-After in seconds or as a date; null when it is neither. */
export function retryAfterMs(headers: AnswerHeaders, nowMs: number): number | null {
  const text = headers['retry-after'];
  if (typeof text !== 'string') return null;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}

const KEPT = [
  'cache-control',
  'expires',
  'date',
  'age',
  'last-modified',
  'etag',
  'pragma',
  'vary',
] as const;

/** Those that RFC 9111 asks about. */
export function cacheHeaders(headers: AnswerHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of KEPT) {
    const value = headers[name];
    if (typeof value === 'string' && value.length <= 4096) kept[name] = value;
  }
  return kept;
}
