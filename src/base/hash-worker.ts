/**
 * Runs in a thread of its own: one kind of digest, of files that lie here or still grow, which it reads
 * by itself from the page cache, and of memory that it shares. Nothing but numbers goes to and fro.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, systemCodeOf } from './errors.ts';
import type { HashAnswer, HashOrder } from './hash-thread.ts';

/** Small enough to stay in the processor's cache between being read and being digested. */
const BLOCK_BYTES = 256 * 1024;
const NEAR_BYTES = 64 * 1024;
/** Then it is the turn of another file. */
const TURN_BYTES = 8 << 20;

interface Goal {
  readonly upTo: number;
  /** What is told when it is reached: nothing, the digest so far, the last one. */
  readonly tell: 'nothing' | 'digest' | 'end';
}

interface Followed {
  /** Null: its bytes are given, by `add`. */
  readonly path: string | null;
  readonly hash: Hash;
  readonly goals: Goal[];
  file: number | null;
  at: number;
}

const algorithm = workerData as string;
const block = Buffer.allocUnsafe(BLOCK_BYTES);
const followed = new Map<number, Followed>();
const answer = (message: HashAnswer) => parentPort!.postMessage(message);
let isGoing = false;

function take(order: HashOrder): void {
  const { id } = order;
  if (order.kind === 'open') {
    const hash = createHash(algorithm);
    followed.set(id, { path: order.path, hash, goals: [], file: null, at: 0 });
  } else if (order.kind === 'drop') drop(id);
  else if (order.kind === 'add') add(id, order.bytes);
  else {
    followed.get(id)?.goals.push(order);
    if (!isGoing) goOn();
  }
}

function drop(id: number): void {
  const { file = null } = followed.get(id) ?? {};
  followed.delete(id);
  if (file !== null) closeSync(file);
}

function add(id: number, bytes: Uint8Array): void {
  const one = followed.get(id);
  if (!one) return;
  // It lies in another processor's cache: copying fetches it ahead, making the digest from there takes half as long again.
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < given.length; at += NEAR_BYTES) {
    const copied = given.copy(block, 0, at, at + NEAR_BYTES);
    one.hash.update(block.subarray(0, copied));
  }
  one.at += bytes.length;
  answer({ id, kind: 'read', bytes: one.at });
}

/** A turn for each file that has something to do; orders are heard between the rounds. */
function goOn(): void {
  for (const [id, one] of followed) {
    try {
      if (one.goals.length > 0) turn(id, one);
    } catch (error) {
      drop(id);
      answer({ id, kind: 'failed', message: messageOf(error), code: systemCodeOf(error) });
    }
  }
  isGoing = [...followed.values()].some(({ goals }) => goals.length > 0);
  if (isGoing) setImmediate(goOn);
}

function turn(id: number, one: Followed): void {
  const { upTo, tell } = one.goals[0]!;
  const end = Math.min(upTo, one.at + TURN_BYTES);
  while (one.at < end) {
    one.file ??= openSync(one.path!, 'r');
    const bytes = readSync(one.file, block, 0, Math.min(BLOCK_BYTES, end - one.at), one.at);
    if (bytes === 0) throw new Error(`${one.path} ends at ${one.at} of ${upTo} bytes`);
    one.hash.update(block.subarray(0, bytes));
    one.at += bytes;
  }
  answer({ id, kind: 'read', bytes: one.at });
  if (one.at < upTo) return;
  one.goals.shift();
  if (tell === 'nothing') return;
  const hash = tell === 'end' ? one.hash : one.hash.copy();
  answer({ id, kind: 'digest', digest: hash.digest('hex') });
  if (tell === 'end') drop(id);
}

parentPort!.on('message', take);
