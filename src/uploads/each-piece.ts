import { finished, type Readable } from 'node:stream';
import type { StraightReads } from './straight-reads.ts';

/** Who takes a body. */
export interface Taker {
  /** A promise: nothing more is read until it resolves. */
  take(piece: Buffer): Promise<void> | undefined;
  /** Where what comes next had best lie; null: nowhere yet. What is put there is taken before this is asked again. */
  room(): Buffer | null;
}

/**
 * Hands every piece of a body on as it comes, and resolves at its end. Where `take` returns a promise
 * nothing more is read until it resolves; where it does not, nobody waits for anything: a loop over the
 * body costs some promises for each piece, and copies pieces together whenever it falls behind. Rejects
 * when the body breaks off, and with what `take` throws; then the body is left to whoever answers.
 *
 * @param straight where what comes behind a piece is read without the parser
 */
export function eachPiece(
  body: Readable,
  taker: Taker,
  straight: StraightReads | null = null,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let taking: Promise<void> | undefined;
  const settle = (error?: unknown): void => {
    body.off('data', onPiece);
    unwatch();
    // What was handed over is in hands first.
    Promise.resolve(taking).then(() => (error ? reject(error) : resolve()), reject);
  };
  const fail = (error: unknown): void => {
    body.pause();
    settle(error);
  };
  const onPiece = (piece: Buffer): void => {
    try {
      taking = straight ? straight.take(piece, taker) : taker.take(piece);
    } catch (error) {
      return fail(error);
    }
    if (taking === undefined) return;
    body.pause();
    taking.then(() => body.resume(), fail);
  };
  const unwatch = finished(body, { writable: false }, settle);
  body.on('data', onPiece);
  return promise;
}
