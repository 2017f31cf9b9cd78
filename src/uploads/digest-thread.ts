/**
 * Runs in a thread of its own: SHA-256 of what comes, so that gigabytes do not hold up the
 * event loop that leases depend on.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { DigestAnswer, DigestOrder } from './digests.ts';

const PIECE_BYTES = 2 ** 20;

type Piece = Extract<DigestOrder, { kind: 'add' }>;

interface Digesting {
  readonly hash: Hash;
  /** Bytes of a file that come before those that are sent. */
  ready: Promise<void>;
}

const under = new Map<number, Digesting>();
const answer = (message: DigestAnswer) => parentPort!.postMessage(message);

async function readFile(hash: Hash, path: string, bytes: number): Promise<void> {
  if (bytes === 0) return;
  const options = { end: bytes - 1, highWaterMark: PIECE_BYTES };
  for await (const piece of createReadStream(path, options)) hash.update(piece);
}

async function take(known: Digesting | undefined, { id, piece }: Piece): Promise<void> {
  try {
    await known?.ready;
    known?.hash.update(piece);
  } catch {
    // Told when the digest is asked for.
  }
  answer({ id, kind: 'taken', bytes: piece.length });
}

function follow(order: DigestOrder): void {
  const { id } = order;
  const known = under.get(id);
  switch (order.kind) {
    case 'open': {
      const hash = createHash('sha256');
      const ready = readFile(hash, order.path, order.bytes);
      ready.catch(() => {}); // told when the digest is asked for
      under.set(id, { hash, ready });
      return;
    }
    case 'add':
      void take(known, order);
      return;
    case 'digest':
      under.delete(id);
      known?.ready.then(
        () => answer({ id, kind: 'digest', sha256: known.hash.digest('hex') }),
        (error: Error) => answer({ id, kind: 'failed', error }),
      );
      return;
    case 'drop':
      under.delete(id);
  }
}

parentPort!.on('message', follow);
