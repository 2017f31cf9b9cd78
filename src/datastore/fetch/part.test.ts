import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '#base';
import { Hasher } from '../disk/hasher.ts';
import { directoryFor } from '../testing/store.ts';
import { Part } from './part.ts';

const READ_BYTES = 64 * 1024;

test('memory of what was written is given back, but not while a piece of it is still to come', async (t) => {
  const hasher = new Hasher();
  t.after(() => hasher.close());
  const path = join(directoryFor(t), 'x.part');
  const tools = { clock: systemClock, hasher, ownsBlocks: true, wantsMd5: false };
  const part = new Part(path, tools);
  const hash = createHash('sha256');
  const reads: ArrayBuffer[] = [];
  // What a socket read: some of it headers, and two pieces of the body, or one that is a bit short.
  for (let nth = 0; nth < 400; nth++) {
    const read = new Uint8Array(READ_BYTES).fill(nth % 251);
    const from = nth % 9 === 0 ? 300 : 0;
    const cut = nth % 3 === 0 ? READ_BYTES - 376 : (nth * 7919) % READ_BYTES;
    const pieces = [read.subarray(from, Math.max(from, cut)), read.subarray(cut)];
    if (nth % 3 === 0) pieces.pop();
    for (const piece of pieces) hash.update(piece);
    for (const piece of pieces) if (piece.length > 0) await part.write(piece);
    reads.push(read.buffer);
  }
  const { sha256 } = await part.finish();
  const written = createHash('sha256').update(readFileSync(path)).digest('hex');
  assert.deepEqual([sha256, written], Array(2).fill(hash.digest('hex')));
  const freed = reads.filter(({ detached }) => detached).length;
  assert.ok(freed > reads.length / 3, `${freed} of ${reads.length} were given back`);
});
