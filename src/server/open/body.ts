/**
 * A request's body as chunks, for as long as it keeps coming. Whoever sends a byte a minute, or
 * half a body and then nothing, is told 408 after a bounded time; the time that our own disk takes
 * does not count. Leaves the connection usable, so that the refusal can still be sent.
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '#base';
import { openErrors } from './errors.ts';

export interface BodyPace {
  /** Longest wait for the next byte. */
  readonly idleMs: number;
  /** Time that a body may take to come beyond what its bytes are worth. */
  readonly graceMs: number;
  /** Slowest average that is put up with for long. */
  readonly bytesPerSecond: number;
}

export const DEFAULT_PACE: BodyPace = { idleMs: 30_000, graceMs: 60_000, bytesPerSecond: 1024 };

/** Throws `OPEN_BODY_SLOW` or `OPEN_BODY_BROKEN`. */
export async function* readBody(
  request: IncomingMessage,
  pace: BodyPace,
  clock: Clock,
): AsyncGenerator<Buffer, void> {
  let bytes = 0;
  let waitedMs = 0;
  while (!request.readableEnded) {
    const chunk = request.read() as Buffer | null;
    if (chunk !== null) {
      bytes += chunk.length;
      yield chunk;
      continue;
    }
    const leftMs = pace.graceMs + (bytes / pace.bytesPerSecond) * 1000 - waitedMs;
    const startMs = clock.monotonic();
    const outcome = await nextChange(request, Math.max(0, Math.min(leftMs, pace.idleMs)));
    waitedMs += clock.monotonic() - startMs;
    if (outcome === 'slow') throw openErrors.create('OPEN_BODY_SLOW', { bytes });
    if (outcome === 'broken') throw openErrors.create('OPEN_BODY_BROKEN', { bytes });
  }
}

/**
 * Waits for something to happen. No listener is left behind: one for 'readable' would keep the
 * rest of a refused body from being drained.
 */
function nextChange(
  request: IncomingMessage,
  timeoutMs: number,
): Promise<'change' | 'broken' | 'slow'> {
  return new Promise((resolve) => {
    if (request.destroyed) return resolve(request.readableEnded ? 'change' : 'broken');
    const settle = (outcome: 'change' | 'broken' | 'slow') => {
      clearTimeout(timer);
      request.off('readable', onChange).off('end', onChange);
      request.off('error', onBreak).off('close', onBreak);
      resolve(outcome);
    };
    const onChange = () => settle('change');
    const onBreak = () => settle(request.readableEnded ? 'change' : 'broken');
    // After a stall of our own the time is over before the socket has been read: read it first.
    const timer = setTimeout(() => setImmediate(settle, 'slow'), timeoutMs);
    request.on('readable', onChange).on('end', onChange);
    request.on('error', onBreak).on('close', onBreak);
  });
}
