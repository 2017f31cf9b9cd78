/** A file of any size, dropped in the middle: in constant memory. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { openOrigin } from './testing/origin.ts';
import { directoryFor } from './testing/store.ts';

const MIB = 2 ** 20;
const CHILD = new URL('./testing/child.ts', import.meta.url).pathname;
/** With WINDROW_FETCH_BYTES=10000000000 as large as a release is seen to take. */
const LARGE_BYTES = Number(process.env.WINDROW_FETCH_BYTES ?? 48 * MIB);
const SMALL_BYTES = 8 * MIB;
/** Blocks of a digest that is behind and of writes under way, and what a collector leaves for later. */
const MOST_MORE_KIB = 64 * 1024;

/** Block `index` of a file that nobody has to keep. */
function blockOf(index: number): Buffer {
  const block = Buffer.alloc(MIB, index & 0xff);
  block.writeUInt32LE(index, 0);
  return block;
}

function* bytesFrom(from: number, bytes: number): Generator<Buffer> {
  for (let at = from; at < bytes; ) {
    const start = at % MIB;
    const block = blockOf((at - start) / MIB).subarray(start, Math.min(MIB, start + bytes - at));
    yield block;
    at += block.length;
  }
}

/** Its peak of resident memory, once the digests are seen to be right. */
async function fetched(t: TestContext, bytes: number): Promise<number> {
  const origin = await openOrigin(t);
  origin.on('/large', async (request, response, nth) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes - 1}/${bytes}` } : {};
    const headers = { etag: '"large"', 'content-length': bytes - from, ...range };
    response.writeHead(from > 0 ? 206 : 200, headers);
    let sent = from;
    for (const block of bytesFrom(from, bytes)) {
      if (nth === 1 && sent > bytes / 2) return void response.destroy();
      if (!response.write(block)) await once(response, 'drain');
      sent += block.length;
    }
    response.end();
  });
  const argv = [CHILD, directoryFor(t), origin.url, 'large'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [peakKib, resumes, ...digests] = (await text(child.stdout)).trim().split(' ');
  const hashes = [createHash('sha256'), createHash('md5')] as const;
  for (const block of bytesFrom(0, bytes)) for (const hash of hashes) hash.update(block);
  assert.deepEqual([resumes, ...digests], ['1', ...hashes.map((hash) => hash.digest('hex'))]);
  return Number(peakKib);
}

test(`a file of ${Math.round(LARGE_BYTES / MIB)} MiB takes no more memory than one of 8`, async (t) => {
  const small = await fetched(t, SMALL_BYTES);
  const large = await fetched(t, LARGE_BYTES);
  t.diagnostic(`${small >> 10} and ${large >> 10} MiB resident at most`);
  assert.ok(large - small < MOST_MORE_KIB, `${small} KiB and ${large} KiB`);
});
