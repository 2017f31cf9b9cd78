/** Every failure leaves as `application/problem+json` with a stable code; never a stack. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { messageOf, WindrowError } from '#base';
import { PROBLEM_TYPE, problemOf } from '#wire';
import { serverErrors } from '../errors.ts';

/** Called with failures that are the server's own. */
export type ReportFault = (error: unknown, where: string) => void;

export function answerProblems(http: FastifyInstance, report: ReportFault): void {
  http.setErrorHandler((error: FastifyError, request, reply) => {
    const known = toKnown(error, request, report);
    // The rest of a refused body is read and dropped, so that the answer is not lost in a reset;
    // one that comes too slowly is not waited for.
    if (known.status === 408) reply.header('Connection', 'close');
    return sendProblem(reply, known);
  });
  http.setNotFoundHandler((request, reply) => {
    const path = pathOf(request);
    return sendProblem(
      reply,
      serverErrors.create('ROUTE_UNKNOWN', { method: request.method, path }),
    );
  });
}

function sendProblem(reply: FastifyReply, error: WindrowError): FastifyReply {
  return reply
    .code(error.status)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problemOf(error)));
}

function toKnown(error: FastifyError, request: FastifyRequest, report: ReportFault): WindrowError {
  if (error instanceof WindrowError) return error;
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return serverErrors.create('REQUEST_TOO_LARGE', { limit: request.routeOptions.bodyLimit ?? 0 });
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return serverErrors.create('REQUEST_MALFORMED', { why: messageOf(error) });
  }
  report(error, `${request.method} ${pathOf(request)}`);
  return serverErrors.create('SERVER_FAULT');
}

/** Without the query: it may hold the session. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]!;
}
