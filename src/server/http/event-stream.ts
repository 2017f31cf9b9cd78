/** Server-sent events (WHATWG HTML, "Server-sent events"), with comments that show it still lives. */
import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { ApiEvent } from '#wire';

const HEARTBEAT_MS = 15_000;
/** Who has taken nothing for so long is cut off; it may come back with the last id that it saw. */
const STALLED_MS = 30_000;
const COMMENT = ':\n\n';

/** Headers and a first comment leave at once: whoever sees them misses nothing after that. */
export function sendEvents(
  events: AsyncIterable<ApiEvent>,
  reply: FastifyReply,
  stalledMs = STALLED_MS,
): FastifyReply {
  const stream = new PassThrough();
  const heartbeat = setInterval(() => {
    if (!stream.writableNeedDrain) stream.write(COMMENT);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  stream.once('close', () => clearInterval(heartbeat));
  stream.write(COMMENT);
  void pump(events, stream, stalledMs);
  return reply.header('Cache-Control', 'no-store').type('text/event-stream').send(stream);
}

async function pump(
  events: AsyncIterable<ApiEvent>,
  stream: PassThrough,
  stalledMs: number,
): Promise<void> {
  for await (const event of events) {
    if (stream.destroyed) return;
    const hasRoom = stream.write(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`);
    if (!hasRoom) await roomIn(stream, stalledMs);
  }
  stream.end();
}

/** Resolves when there is room again, or nobody reads any more; leaves no listener behind. */
function roomIn(stream: PassThrough, stalledMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => stream.destroy(), stalledMs);
    const settle = (): void => {
      clearTimeout(timer);
      stream.off('drain', settle).off('close', settle);
      resolve();
    };
    stream.on('drain', settle).on('close', settle);
  });
}
