import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readLock, takeLock } from './lock-file.ts';

function lockIn(t: TestContext): { dir: string; path: string } {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-lock-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return { dir, path: join(dir, 'worker.lock') };
}

const HOLD = `
  import { takeLock } from ${JSON.stringify(import.meta.resolve('./lock-file.ts'))};
  const [path, worker] = process.argv.slice(1);
  process.stdin.on('data', () => {
    process.stdout.write(takeLock(path, { worker, session: '' }).taken ? 'taken' : 'refused');
  });
  process.stdout.write('ready');
`;

async function contender(path: string, worker: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLD, path, worker], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    child,
    async take() {
      child.stdin.write('go');
      return String((await once(child.stdout, 'data'))[0]);
    },
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

test('a held lock is refused with its holder, and free again after release', (t) => {
  const { dir, path } = lockIn(t);
  const first = takeLock(path, { worker: 'w1', session: '', server: '' });
  assert.ok(first.taken);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const second = takeLock(path, { worker: 'w2', session: '', server: '' });
  assert.ok(!second.taken);
  assert.equal(second.holder.pid, process.pid);
  assert.equal(second.holder.worker, 'w1');
  first.release();
  const third = takeLock(path, { worker: 'w3', session: '', server: '' });
  assert.ok(third.taken && third.replaced === null);
  third.release();
  assert.deepEqual(readdirSync(dir), []);
});

test('the lock of a killed process is taken over, and the dead worker is named', async (t) => {
  const { path } = lockIn(t);
  const holder = await contender(path, 'dead');
  assert.equal(await holder.take(), 'taken');
  assert.equal(readLock(path)?.life, 'alive');
  await holder.kill();
  assert.equal(readLock(path)?.life, 'gone');
  const lock = takeLock(path, { worker: 'next', session: '', server: '' });
  assert.ok(lock.taken);
  assert.equal(lock.replaced?.worker, 'dead');
  lock.release();
});

test('of many that find a stale lock at once exactly one gets it', async (t) => {
  const { dir, path } = lockIn(t);
  const dead = { host: hostname(), pid: 2 ** 22 + 1, startTime: '1', worker: 'dead' };
  const own = takeLock(path);
  const { realm } = JSON.parse(readFileSync(path, 'utf8'));
  if (own.taken) own.release();
  writeFileSync(path, JSON.stringify({ ...dead, realm }));
  const all = await Promise.all([1, 2, 3, 4].map((n) => contender(path, `w${n}`)));
  const outcomes = await Promise.all(all.map((one) => one.take()));
  assert.deepEqual(outcomes.sort(), ['refused', 'refused', 'refused', 'taken']);
  await Promise.all(all.map((one) => one.kill()));
  assert.deepEqual(readdirSync(dir), ['worker.lock']);
});

test('a pid that was given to another process does not keep a lock alive', (t) => {
  const { path } = lockIn(t);
  const own = takeLock(path, { worker: 'old', session: '', server: '' });
  assert.ok(own.taken);
  const entry = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...entry, startTime: '1' }));
  const next = takeLock(path, { worker: 'new', session: '', server: '' });
  assert.ok(next.taken && next.replaced?.worker === 'old');
  own.release();
  assert.equal(readLock(path)?.holder.worker, 'new', 'a lock that was lost is not removed');
  next.release();
});

test('a lock of another machine is never judged from here', (t) => {
  const { path } = lockIn(t);
  const entry = { host: 'elsewhere', pid: 1, realm: 'boot pid:[1]', startTime: '1', worker: 'w' };
  writeFileSync(path, JSON.stringify(entry));
  assert.equal(readLock(path)?.life, 'unknown');
  const lock = takeLock(path);
  assert.ok(!lock.taken && lock.holder.host === 'elsewhere');
});

test('a lock that was made before this machine was started again is stale', (t) => {
  const { path } = lockIn(t);
  const entry = { host: hostname(), pid: 1, realm: 'other-boot pid:[1]', startTime: '1' };
  writeFileSync(path, JSON.stringify(entry));
  assert.equal(readLock(path)?.life, 'gone');
});

test('a damaged lock is refused, not broken', (t) => {
  const { path } = lockIn(t);
  for (const text of ['', '{', 'null', '[]', '{"host":1}', '\0'.repeat(100_000)]) {
    writeFileSync(path, text);
    assert.equal(takeLock(path).taken, false, JSON.stringify(text.slice(0, 20)));
  }
});
