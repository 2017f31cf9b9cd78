/** A file in an answer, whole or from a byte on (RFC 9110, 14). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FileAnswer } from '#wire';

/**
 * One range, as everybody asks for who goes on with a transfer; what is asked for otherwise is answered
 * with the whole, as anybody may (14.2).
 */
export function sendFile(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { bytes, etag, read }: FileAnswer,
): FastifyReply {
  reply.header('ETag', etag).header('Accept-Ranges', 'bytes').type('application/octet-stream');
  if (headers['if-none-match'] === etag) return reply.code(304).send();
  const isSame = headers['if-range'] === undefined || headers['if-range'] === etag;
  const range = isSame ? rangeOf(headers.range, bytes) : null;
  if (range === 'beyond') {
    return reply.code(416).header('Content-Range', `bytes */${bytes}`).send();
  }
  if (range === null) return reply.header('Content-Length', bytes).send(read());
  const { start, end } = range;
  reply.code(206).header('Content-Range', `bytes ${start}-${end}/${bytes}`);
  return reply.header('Content-Length', end - start + 1).send(read(range));
}

/** Null: no range, or none that is worth understanding. */
export function rangeOf(
  header: string | undefined,
  bytes: number,
): { start: number; end: number } | 'beyond' | null {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  const [, first = '', last = ''] = found ?? [];
  if (first === '' && last === '') return null;
  if (first === '') {
    const start = Math.max(0, bytes - Number(last));
    return last === '0' || bytes === 0 ? 'beyond' : { start, end: bytes - 1 };
  }
  const [start, end] = [Number(first), last === '' ? bytes - 1 : Number(last)];
  if (start >= bytes) return 'beyond';
  return end < start ? null : { start, end: Math.min(end, bytes - 1) };
}
