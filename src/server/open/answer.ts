/** Answers of the open protocol: a status, `text/plain`, one line. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { messageOf, WindrowError } from '#base';

export type AnswerHeaders = Readonly<Record<string, string>>;

/** Asking twice may give two tasks: no cache may ever answer in our place. */
const PLAIN: AnswerHeaders = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** How much of a refused body is still read, and for how long, before the connection is cut. */
const LINGER_BYTES = 64 * 1024 * 1024;
const LINGER_MS = 5_000;

export function answer(
  reply: FastifyReply,
  status: number,
  text: string,
  headers: AnswerHeaders = {},
): FastifyReply {
  return reply
    .code(status)
    .headers({ ...PLAIN, ...headers })
    .send(text === '' ? '' : `${text}\n`);
}

/** No body at all: 204 may have none, and 205 (RFC 9110, 15.3.6) must say so by its length. */
export function answerEmpty(reply: FastifyReply, status: 204 | 205): FastifyReply {
  reply.code(status).header('cache-control', PLAIN['cache-control']);
  if (status === 205) reply.header('content-length', '0');
  return reply.send();
}

/**
 * Refuses a request, whose body may still be coming. A connection that is closed with unread
 * bytes is reset, and the reset can overtake the answer: so the answer goes out first, then a
 * bounded rest of the body is drained, then the connection ends.
 */
export async function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  text: string,
  headers: AnswerHeaders = {},
): Promise<FastifyReply> {
  if (request.raw.complete) return answer(reply, status, text, headers);
  reply.hijack();
  if (reply.raw.destroyed) return reply;
  const body = Buffer.from(`${text}\n`);
  reply.raw.on('error', () => {});
  reply.raw.writeHead(status, {
    ...PLAIN,
    ...headers,
    'content-length': String(body.length),
    connection: 'close',
  });
  reply.raw.write(body);
  await drain(request);
  reply.raw.end();
  return reply;
}

function drain(request: FastifyRequest): Promise<void> {
  const { raw } = request;
  return new Promise((resolve) => {
    let left = LINGER_BYTES;
    const stop = () => {
      clearTimeout(timer);
      raw.off('data', onData).off('close', stop).off('end', stop).off('error', stop);
      resolve();
    };
    const onData = (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) stop();
    };
    const timer = setTimeout(stop, LINGER_MS);
    if (raw.destroyed) return stop();
    raw.on('close', stop).on('end', stop).on('error', stop).on('data', onData);
  });
}

/** Told of faults that are the server's own; what users need not know goes there only. */
export type OnFault = (message: string, error: unknown) => void;

/** Any error as an answer. */
export async function refuseWith(
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
  onFault: OnFault,
): Promise<FastifyReply> {
  if (error instanceof WindrowError && error.status < 500) {
    return await refuse(request, reply, error.status, error.message);
  }
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return await refuse(request, reply, status, messageOf(error));
  }
  onFault(`${request.method} ${request.routeOptions.url ?? ''} failed`, error);
  if (error instanceof WindrowError) {
    return await refuse(request, reply, error.status, error.message);
  }
  return await refuse(request, reply, 500, 'internal error, see the log of the server');
}
