/**
 * Runs in a thread of its own: SHA-256 of files, also while they are written, so that gigabytes of
 * uploads do not hold up the event loop that leases depend on.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { DigestAnswer, DigestOrder } from './digests.ts';

/** Of one file at a time; then others have their turn. */
const PIECE_BYTES = 2 ** 20;
const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);

interface Digesting {
  readonly fd: number;
  readonly hash: Hash;
  /** Of what is there but was not read yet. */
  leftBytes: number;
  isAsked: boolean;
}

const under = new Map<number, Digesting>();
/** Why a digest cannot be made; told when it is asked for. */
const failed = new Map<number, Error>();
const answer = (message: DigestAnswer) => parentPort!.postMessage(message);
let isGoingOn = false;

function open(id: number, path: string): void {
  const fd = openSync(path, 'r');
  under.set(id, { fd, hash: createHash('sha256'), leftBytes: 0, isAsked: false });
}

function readOn({ fd, hash, ...digesting }: Digesting): number {
  const got = readSync(fd, piece, 0, Math.min(PIECE_BYTES, digesting.leftBytes), null);
  if (got === 0) throw new Error('the file is shorter than it was');
  hash.update(piece.subarray(0, got));
  return got;
}

/** A piece of each that has some; between two rounds orders are heard. */
function goOn(): void {
  isGoingOn = false;
  for (const [id, digesting] of under) {
    attempt(id, () => {
      if (digesting.leftBytes > 0) digesting.leftBytes -= readOn(digesting);
      if (digesting.leftBytes > 0) goOnLater();
      else if (digesting.isAsked) {
        answer({ id, kind: 'digest', sha256: digesting.hash.digest('hex') });
        drop(id);
      }
    });
  }
}

function goOnLater(): void {
  if (isGoingOn) return;
  isGoingOn = true;
  setImmediate(goOn);
}

function attempt(id: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    const isAsked = under.get(id)?.isAsked;
    drop(id);
    if (isAsked) answer({ id, kind: 'failed', error: error as Error });
    else failed.set(id, error as Error);
  }
}

function drop(id: number): void {
  const digesting = under.get(id);
  under.delete(id);
  failed.delete(id);
  if (digesting) closeSync(digesting.fd);
}

function follow(order: DigestOrder): void {
  const { id } = order;
  if (order.kind === 'open') return attempt(id, () => open(id, order.path));
  if (order.kind === 'drop') return drop(id);
  const error = failed.get(id);
  if (error) {
    if (order.kind === 'grown') return;
    failed.delete(id);
    return answer({ id, kind: 'failed', error });
  }
  const digesting = under.get(id)!;
  if (order.kind === 'grown') digesting.leftBytes += order.bytes;
  else digesting.isAsked = true;
  goOnLater();
}

parentPort!.on('message', follow);
