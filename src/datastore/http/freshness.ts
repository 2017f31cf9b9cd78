/** Whether what is stored may be used without asking: RFC 9111, as a private cache. */
import CachePolicy from 'http-cache-semantics';

const REQUEST = { url: '/', method: 'GET', headers: {} };
/**
 * Where the origin says nothing of how long a version is good, it is asked. Caches of pages guess a tenth
 * of its age (RFC 9111, 4.2.2): for a file of two years ten weeks, in which work would go on with old data.
 */
const OPTIONS = { shared: false, cacheHeuristic: 0 };

type Headers = Readonly<Record<string, string>>;

/** The library reads the clock by itself, already in its constructor; here time is an argument. */
function policyAt(nowMs: number): typeof CachePolicy {
  return class extends CachePolicy {
    now(): number {
      return nowMs;
    }
  };
}

/** What is kept of an answer to judge later; null: it may not be stored at all (`no-store`). */
export function policyOf(headers: Headers, nowMs: number): object | null {
  const answer = { status: 200, headers: { ...headers } };
  const policy = new (policyAt(nowMs))(REQUEST, answer, OPTIONS);
  return policy.storable() ? policy.toObject() : null;
}

/** False: the origin forbids it. Protocols without such headers have no such rules. */
export function mayBeStored(headers: Headers): boolean {
  return Object.keys(headers).length === 0 || policyOf(headers, 0) !== null;
}

/** True while no question is needed. What has no rules is asked about each time. */
export function isFresh(policy: object | null, nowMs: number): boolean {
  return restored(policy, nowMs)?.satisfiesWithoutRevalidation(REQUEST) ?? false;
}

/** False when the origin forbade to use it without being asked, also when it cannot be asked. */
export function mayBeStale(policy: object | null): boolean {
  const rules = (policy as { rescc?: Record<string, unknown> } | null)?.rescc ?? {};
  return !['must-revalidate', 'no-cache'].some((name) => name in rules);
}

/** The policy after a 304; null when that answer means another version. */
export function revalidated(policy: object | null, headers: Headers, nowMs: number): object | null {
  const known = restored(policy, nowMs);
  if (known === null) return policyOf(headers, nowMs);
  const { etag } = headers;
  const before = known.responseHeaders().etag;
  if (etag?.startsWith('"') && typeof before === 'string' && before !== etag) return null;
  const { policy: next } = known.revalidatedPolicy(REQUEST, {
    status: 304,
    headers: { ...headers },
  });
  return next.toObject();
}

function restored(policy: object | null, nowMs: number): CachePolicy | null {
  if (policy === null) return null;
  try {
    return policyAt(nowMs).fromObject(policy as CachePolicy.CachePolicyObject);
  } catch {
    return null; // written by another version: ask
  }
}
