import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  clearLeftovers,
  handedPathOf,
  lockPathOf,
  takeDirectory,
  takenAtMs,
  trimBlobs,
} from './worker-directory.ts';

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-directory-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('a host name with odd characters is one folder inside the directory', (t) => {
  const dir = directory(t);
  for (const host of ['../../etc', '..', '', 'a/b', '.hidden', 'node-7.example.org']) {
    const taken = takeDirectory({
      dir,
      owner: { worker: 'w', session: '', server: '' },
      host,
      exclusive: true,
    });
    assert.equal(join(taken.own, '..'), dir, host);
    assert.equal(join(taken.own, 'worker.lock'), lockPathOf(dir, host));
    assert.ok(Math.abs(takenAtMs(taken) - Date.now()) < 60_000);
    taken.release();
    rmSync(taken.own, { recursive: true });
  }
});

test('beyond the cache size the longest unused blobs go, and nothing that is no blob', async (t) => {
  const dir = directory(t);
  const [old, middle, young] = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
  for (const name of [old!, middle!, young!]) {
    writeFileSync(join(dir, name), Buffer.alloc(1000));
    await delay(20); // change times are as fine as the kernel's tick
  }
  mkdirSync(join(dir, 'notes'));
  utimesSync(join(dir, old!), new Date(), new Date()); // used again: its change time moves
  trimBlobs(dir, 2500, Date.now());
  assert.deepEqual(readdirSync(dir).sort(), [old, young, 'notes'].sort());
});

test('drafts of transfers go a day after they were left', (t) => {
  const dir = directory(t);
  const draft = `${'a'.repeat(64)}.123.0a1b2c.part`;
  writeFileSync(join(dir, draft), '');
  trimBlobs(dir, 0, Date.now());
  assert.deepEqual(readdirSync(dir), [draft]);
  trimBlobs(dir, 0, Date.now() + 25 * 3_600_000);
  assert.deepEqual(readdirSync(dir), []);
});

test('a session left for an executable that never came up goes, that of a living one stays', async (t) => {
  const dir = directory(t);
  mkdirSync(join(dir, 'node7'));
  const beyondAnyPid = 2 ** 22 + 1;
  const left = handedPathOf(dir, 'node7', beyondAnyPid);
  const taken = handedPathOf(dir, 'node7', process.pid);
  for (const path of [left, taken]) writeFileSync(path, 'secret');
  await clearLeftovers(join(dir, 'node7'), { debug() {}, info() {}, warn() {}, error() {} });
  assert.deepEqual(readdirSync(join(dir, 'node7')), [`handed-${process.pid}`]);
});
