import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bytesBelow, watchDisk } from './disk-watch.ts';

const MIB = 2 ** 20;

test('who fills the disk is told of long before the next second', async (t) => {
  // A busy machine may be late, but not each time.
  const waits: number[] = [];
  while (waits.length < 5 && !waits.some((ms) => ms < 800)) waits.push(await toldAfterMs(t));
  assert.ok(Math.min(...waits) < 800, `${waits}`);
});

/** From the moment that the disk is fuller than it may be. */
async function toldAfterMs(t: TestContext): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-disk-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const { promise, resolve } = Promise.withResolvers<number>();
  let told = 0;
  const watch = watchDisk([directory], 8 * MIB, (bytes) => {
    told++;
    resolve(bytes);
  });
  writeFileSync(join(directory, 'full'), Buffer.alloc(32 * MIB, 1));
  const writtenMs = performance.now();
  assert.ok((await promise) >= 32 * MIB);
  const waitedMs = performance.now() - writtenMs;
  assert.ok((await watch.finish()) >= 32 * MIB);
  assert.equal(told, 1);
  return waitedMs;
}

test('who stays below the limit is left alone, and its peak is known', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-disk-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const watch = watchDisk([directory], 64 * MIB, () => assert.fail('it is not over its limit'));
  mkdirSync(join(directory, 'a'));
  writeFileSync(join(directory, 'a', 'some'), Buffer.alloc(2 * MIB, 1));
  const peak = await watch.finish();
  assert.ok(peak >= 2 * MIB && peak < 4 * MIB, String(peak));
  assert.equal(await bytesBelow([directory]), peak);
});
