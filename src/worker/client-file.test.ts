import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { takeLock } from '#base';
import { removeClientFile } from './client-file.ts';

function placed(t: TestContext): { dir: string; file: string } {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-client-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'bin'));
  mkdirSync(join(dir, 'node2'));
  const file = join(dir, 'bin', 'windrow');
  writeFileSync(file, 'program');
  writeFileSync(`${file}.by-0badcafe`, '');
  return { dir, file };
}

test('the session that put the executable there takes it away, and no other', async (t) => {
  const { dir, file } = placed(t);
  assert.equal(await removeClientFile(file, 'deadbeef', dir), false);
  assert.ok(existsSync(file));
  assert.equal(await removeClientFile(file, '0badcafe', dir), true);
  assert.deepEqual(readdirSync(join(dir, 'bin')), []);
});

test('while another worker of the directory lives, or a start looks at it, it stays', async (t) => {
  const { dir, file } = placed(t);
  const other = join(dir, 'node2', 'worker.lock');
  writeFileSync(other, '{}');
  assert.equal(await removeClientFile(file, '0badcafe', dir), false);
  rmSync(other);
  const lock = takeLock(`${file}.lock`);
  assert.equal(await removeClientFile(file, '0badcafe', dir), false);
  if (lock.taken) lock.release();
  assert.equal(await removeClientFile(file, '0badcafe', dir), true);
});
