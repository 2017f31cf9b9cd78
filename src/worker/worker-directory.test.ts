import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { clearLeftovers, handedPathOf, lockPathOf, takeDirectory } from './worker-directory.ts';

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
    taken.release();
    rmSync(taken.own, { recursive: true });
  }
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
