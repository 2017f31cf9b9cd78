/** Which version will do for a request, and which one without a question. */
import type { Description } from './disk/description.ts';
import { isFresh } from './http/freshness.ts';
import type { EnsureRequest } from './port.ts';

/** How long something is believed that came by a protocol without rules for it. */
const FRESH_WITHOUT_RULES_MS = 600_000;

/** As far as it can be told without reading the bytes. */
export function isWanted({ sha256, md5, bytes }: Description, request: EnsureRequest): boolean {
  const { digests } = request;
  const is = (wanted: string | undefined, found: string | null) =>
    (wanted?.toLowerCase() ?? found) === found;
  const isSize = (request.bytes ?? bytes) === bytes;
  return isSize && is(digests?.sha256, sha256) && is(digests?.md5, md5);
}

/** What is here may be given away without asking the origin. */
export function needsNoQuestion(
  description: Description,
  request: EnsureRequest,
  nowMs: number,
): boolean {
  // Whether it is the one whose digest stands beside it only the origin can tell.
  if (request.hasDigestBeside === true && request.digests?.sha256 === undefined) return false;
  if (request.mode === 'immutable' || request.digests?.sha256 !== undefined) return true;
  if (isFresh(description.policy, nowMs)) return true;
  const { etag, lastModified } = description.validators;
  const canBeAsked = description.policy !== null || etag !== null || lastModified !== null;
  return !canBeAsked && nowMs - description.validatedAtMs < FRESH_WITHOUT_RULES_MS;
}
