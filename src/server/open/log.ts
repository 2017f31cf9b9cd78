/** What the log may hold of a request. */
import type { FastifyRequest } from 'fastify';

/**
 * A serializer for Fastify's `logger.serializers.req`. The query stays out, as a whole: it holds
 * the session, under a name that percent-encoding can disguise.
 */
export function requestForLog(request: Pick<FastifyRequest, 'method' | 'url' | 'ip'>): {
  method: string;
  path: string;
  address: string;
} {
  const path = request.url.split(/[?#]/, 1)[0]!.slice(0, 200);
  return { method: request.method, path, address: request.ip };
}
