/** Who may ask: workers with the session, users with the admin token; guesses are slowed down. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock, WindrowError } from '#base';
import { bearerToken, SessionLimit, secretMatcher, wireErrors } from '#wire';

export type Gate = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** A check of the bearer token before anything of the request's body is read. */
export function gate(secret: string, wrong: () => WindrowError, clock: Clock): Gate {
  const matches = secretMatcher(secret);
  const limit = new SessionLimit(clock);
  return async (request, reply) => {
    const token = bearerToken(request.headers.authorization);
    if (token !== undefined && matches(token)) return;
    const waitMs = limit.wrong(request.ip);
    if (waitMs === 0) throw wrong();
    const retryAfterS = Math.ceil(waitMs / 1000);
    reply.header('Retry-After', String(retryAfterS));
    throw wireErrors.create('SESSION_RATE_LIMITED', { address: request.ip, retryAfterS });
  };
}
