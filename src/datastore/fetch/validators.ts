import type { Validators } from '../transport.ts';

/** A Last-Modified that old against the answer's Date cannot stand for two versions (RFC 9110, 8.8.2.2). */
const STRONG_DATE_MS = 1000;

/**
 * What may stand in If-Range: a strong ETag, or a strong date where there is no ETag at all. Null:
 * what is here cannot be gone on with.
 */
export function strongValidator({ etag, lastModified, date }: Validators): string | null {
  if (etag !== null) return /^"[^"]*"$/.test(etag) ? etag : null;
  if (lastModified === null || date === null) return null;
  const ageMs = Date.parse(date) - Date.parse(lastModified);
  return ageMs >= STRONG_DATE_MS ? lastModified : null;
}
