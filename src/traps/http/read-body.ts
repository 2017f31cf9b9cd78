/** A request's body as a whole, bounded in bytes and time. */
import type { IncomingMessage } from 'node:http';

export interface BodyLimits {
  readonly mostBytes: number;
  /** Until the last byte. */
  readonly timeoutMs: number;
}

export type BodyOutcome =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' | 'slow' | 'broken' };

/**
 * Never rejects. After any other outcome than `whole` the rest is thrown away as it comes, so that
 * the answer is not lost in a reset; whoever answers closes the connection.
 */
export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<BodyOutcome> {
  const { promise, resolve } = Promise.withResolvers<BodyOutcome>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const settle = (outcome: BodyOutcome): void => {
    clearTimeout(timer);
    request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
    if (outcome.kind !== 'whole') request.on('error', () => {}).resume();
    resolve(outcome);
  };
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > limits.mostBytes) settle({ kind: 'too-large' });
    else chunks.push(chunk);
  };
  const onEnd = (): void => {
    const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes);
    settle({ kind: 'whole', bytes: whole });
  };
  const onClose = (): void => settle({ kind: 'broken' });
  const timer = setTimeout(() => settle({ kind: 'slow' }), limits.timeoutMs);
  if (Number(request.headers['content-length'] ?? 0) > limits.mostBytes) {
    settle({ kind: 'too-large' });
  } else request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  return promise;
}
