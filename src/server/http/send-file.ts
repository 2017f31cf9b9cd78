/** A file in an answer, whole or from a byte on (RFC 9110, 14). */
import type { FileHandle } from 'node:fs/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FileAnswer } from '#wire';
import { sendBlocks } from './send-blocks.ts';

/**
 * One range, as everybody asks for who goes on with a transfer; what is asked for otherwise is answered
 * with the whole, as anybody may (14.2).
 */
export function sendFile(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { bytes, etag, read }: FileAnswer,
): FastifyReply {
  const { code, range, head } = partOf(headers, bytes, etag);
  reply.code(code).headers(head);
  return reply.send(range === null ? undefined : read(range));
}

/** As `sendFile`, of an open file, which it closes: no stream, and no memory for each answer anew. */
export async function sendOpenFile(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { bytes, etag, file }: Omit<FileAnswer, 'read'> & { readonly file: FileHandle },
): Promise<FastifyReply> {
  try {
    const { code, range, head } = partOf(headers, bytes, etag);
    reply.hijack();
    reply.raw.writeHead(code, head);
    if (range === null) reply.raw.end();
    else await sendBlocks(reply.raw, file, range);
    return reply;
  } finally {
    await file.close();
  }
}

/** What is sent of a file of so many bytes, with which head; `range` null: nothing. */
function partOf(headers: FastifyRequest['headers'], bytes: number, etag: string) {
  const common = { ETag: etag, 'Accept-Ranges': 'bytes' };
  if (headers['if-none-match'] === etag) return { code: 304, range: null, head: common };
  const isSame = headers['if-range'] === undefined || headers['if-range'] === etag;
  const range = isSame ? rangeOf(headers.range, bytes) : null;
  if (range === 'beyond') {
    const head = { ...common, 'Content-Range': `bytes */${bytes}`, 'Content-Length': 0 };
    return { code: 416, range: null, head };
  }
  const { start, end } = range ?? { start: 0, end: bytes - 1 };
  const body = { 'Content-Type': 'application/octet-stream', 'Content-Length': end - start + 1 };
  if (range === null) return { code: 200, range: { start, end }, head: { ...common, ...body } };
  const part = { 'Content-Range': `bytes ${start}-${end}/${bytes}` };
  return { code: 206, range, head: { ...common, ...body, ...part } };
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
