/** Who may ask: workers with the session, users with the admin token; guesses are slowed down. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '#base';
import { bearerToken, SessionLimit, secretMatcher } from '#wire';
import { serverErrors } from '../errors.ts';

export type Gate = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** A check of the bearer token before anything of the request's body is read. */
export function gate(secret: string, code: 'SESSION_WRONG' | 'TOKEN_WRONG', clock: Clock): Gate {
  const matches = secretMatcher(secret);
  const limit = new SessionLimit(clock);
  return async (request, reply) => {
    const token = bearerToken(request.headers.authorization);
    if (token !== undefined && matches(token)) return;
    const waitMs = limit.wrong(request.ip);
    if (waitMs > 0) reply.header('Retry-After', String(Math.ceil(waitMs / 1000)));
    throw serverErrors.create(waitMs > 0 ? 'TOO_MANY_GUESSES' : code);
  };
}
