import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { breakLock, readLock, takeLock } from './lock-file.ts';

function lockIn(t: TestContext): { dir: string; path: string } {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-lock-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return { dir, path: join(dir, 'worker.lock') };
}

/** Takes the lock at each path that a line names, and keeps it. */
const HOLD = `
  import { createInterface } from 'node:readline';
  import { takeLock } from ${JSON.stringify(import.meta.resolve('./lock-file.ts'))};
  const [worker] = process.argv.slice(1);
  createInterface({ input: process.stdin }).on('line', (path) => {
    console.log(takeLock(path, { worker, session: '' }, false).taken ? 'taken' : 'refused');
  });
  console.log('ready');
`;

async function contender(t: TestContext, worker: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLD, worker], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.equal((await answers.next()).value, 'ready');
  return {
    async take(path: string): Promise<string> {
      child.stdin.write(`${path}\n`);
      return (await answers.next()).value ?? 'ended';
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
  const holder = await contender(t, 'dead');
  assert.equal(await holder.take(path), 'taken');
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
  assert.ok(takeLock(path).taken);
  const stale = { ...JSON.parse(readFileSync(path, 'utf8')), pid: 2 ** 22 + 1, startTime: '1' };
  rmSync(path);
  const all = await Promise.all([1, 2, 3, 4].map((n) => contender(t, `w${n}`)));
  const locks = Array.from({ length: 200 }, (_, round) => `${round}.lock`);
  for (const lock of locks) {
    writeFileSync(join(dir, lock), JSON.stringify(stale));
    const outcomes = await Promise.all(all.map((one) => one.take(join(dir, lock))));
    assert.deepEqual(outcomes.sort(), ['refused', 'refused', 'refused', 'taken'], lock);
  }
  assert.deepEqual(readdirSync(dir).sort(), locks.sort());
});

test('a process that was killed while it broke a lock keeps nobody from doing so', (t) => {
  const { dir, path } = lockIn(t);
  assert.ok(takeLock(path).taken);
  const stale = { ...JSON.parse(readFileSync(path, 'utf8')), pid: 2 ** 22 + 1, startTime: '1' };
  for (const left of [path, `${path}.breaking`, `${path}.breaking.breaking`]) {
    writeFileSync(left, JSON.stringify(stale));
  }
  assert.ok(takeLock(path).taken);
  assert.deepEqual(readdirSync(dir), ['worker.lock']);
});

test('a lock without progress is broken, also where its breaker was killed on another machine', (t) => {
  const { dir, path } = lockIn(t);
  const entry = { host: 'elsewhere', pid: 1, realm: 'boot pid:[1]', startTime: '1', worker: 'w' };
  for (const left of [path, `${path}.breaking`]) writeFileSync(left, JSON.stringify(entry));
  const holder = readLock(path)!.holder;
  breakLock(path, holder);
  breakLock(path, holder);
  assert.deepEqual(readdirSync(dir), []);
  assert.ok(takeLock(path).taken);
  breakLock(path, holder);
  assert.equal(readLock(path)?.holder.pid, process.pid, 'one that was taken since stays');
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
