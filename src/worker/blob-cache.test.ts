import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Clock, systemClock, takeLock } from '#base';
import { BlobCache } from './blob-cache.ts';
import type { ServerLink } from './port.ts';

const NEVER = new AbortController().signal;
const CONTENT = 'the program';
const BLOB = {
  sha256: createHash('sha256').update(CONTENT).digest('hex'),
  bytes: CONTENT.length,
};

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-blobs-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function cacheIn(dir: string, clock: Clock = systemClock, tag = '0badcafe'): BlobCache {
  return new BlobCache(dir, clock, () => tag);
}

const blobsIn = (dir: string) => readdirSync(dir).filter((name) => !name.includes('.by-'));

/** Counts fetches; each waits for `gate`. */
function source(gate: Promise<unknown> = Promise.resolve()) {
  const seen = { fetches: 0 };
  const fetchBlob: ServerLink['fetchBlob'] = async (target) => {
    seen.fetches++;
    await gate;
    await writeFile(target, CONTENT, { mode: 0o555 });
    return BLOB;
  };
  return { seen, fetchBlob };
}

test('many attempts at once fetch a blob once', async (t) => {
  const cache = cacheIn(directory(t));
  const { promise, resolve } = Promise.withResolvers<void>();
  const from = source(promise);
  const waiting = Array.from({ length: 20 }, () => cache.ensure(BLOB, from, NEVER));
  resolve();
  await Promise.all(waiting);
  assert.equal(from.seen.fetches, 1);
  assert.ok(cache.isReady(BLOB.sha256));
  assert.equal(readFileSync(cache.pathOf(BLOB.sha256), 'utf8'), CONTENT);
});

test('two processes that share a directory fetch a blob once', async (t) => {
  const dir = directory(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  const from = source(promise);
  const first = cacheIn(dir).ensure(BLOB, from, NEVER);
  const second = cacheIn(dir).ensure(BLOB, from, NEVER);
  setTimeout(resolve, 20);
  await Promise.all([first, second]);
  assert.equal(from.seen.fetches, 1);
  assert.deepEqual(blobsIn(dir), [BLOB.sha256]);
});

test('a holder elsewhere that shows no progress is passed over', async (t) => {
  const dir = directory(t);
  const entry = { host: 'elsewhere', pid: 1, realm: 'x', startTime: '1', worker: '' };
  writeFileSync(join(dir, `${BLOB.sha256}.lock`), JSON.stringify(entry));
  let ms = 0;
  const impatient = { now: () => ms, monotonic: () => (ms += 30_000) };
  const from = source();
  await cacheIn(dir, impatient).ensure(BLOB, from, NEVER);
  assert.equal(from.seen.fetches, 1);
});

test('a blob from an earlier run is used when its digest is right, and replaced when not', async (t) => {
  const dir = directory(t);
  const path = join(dir, BLOB.sha256);
  const from = source();
  writeFileSync(path, CONTENT);
  await cacheIn(dir).ensure(BLOB, from, NEVER);
  assert.equal(from.seen.fetches, 0);
  writeFileSync(path, 'something else');
  const cache = cacheIn(dir);
  await cache.ensure(BLOB, from, NEVER);
  assert.equal(from.seen.fetches, 1);
  assert.equal(readFileSync(path, 'utf8'), CONTENT);
});

test('a blob that is overwritten in place is not ready any more', async (t) => {
  const cache = cacheIn(directory(t));
  await cache.ensure(BLOB, source(), NEVER);
  const path = cache.pathOf(BLOB.sha256);
  chmodSync(path, 0o644);
  assert.ok(cache.isReady(BLOB.sha256), 'other rights change no content');
  writeFileSync(path, 'THE PROGRAM');
  assert.equal(cache.isReady(BLOB.sha256), false);
});

test('a failed fetch is not remembered, and leaves no lock', async (t) => {
  const dir = directory(t);
  const cache = cacheIn(dir);
  const broken: Pick<ServerLink, 'fetchBlob'> = {
    fetchBlob: () => Promise.reject(new Error('broken off')),
  };
  await assert.rejects(cache.ensure(BLOB, broken, NEVER), /broken off/);
  const lock = takeLock(join(dir, `${BLOB.sha256}.lock`));
  assert.ok(lock.taken);
  lock.release();
  await cache.ensure(BLOB, source(), NEVER);
});

test('a fetch elsewhere that makes progress is waited for, however long it takes', async (t) => {
  const dir = directory(t);
  const entry = { host: 'elsewhere', pid: 1, realm: 'x', startTime: '1', worker: '' };
  const lock = join(dir, `${BLOB.sha256}.lock`);
  const draft = join(dir, `${BLOB.sha256}.7.0a.part`);
  writeFileSync(lock, JSON.stringify(entry));
  let ms = 0;
  let looks = 0;
  const watched: Clock = {
    now: () => ms,
    monotonic: () => {
      // Half a minute passes between two looks, and a byte arrives.
      ms += 30_000;
      writeFileSync(draft, 'x'.repeat(++looks));
      if (looks === 10) {
        writeFileSync(join(dir, BLOB.sha256), CONTENT);
        rmSync(lock);
      }
      return ms;
    },
  };
  const from = source();
  await cacheIn(dir, watched).ensure(BLOB, from, NEVER);
  assert.equal(from.seen.fetches, 0);
});

test('of many that wait for one that is dead elsewhere only one fetches again', async (t) => {
  const dir = directory(t);
  const entry = { host: 'elsewhere', pid: 1, realm: 'x', startTime: '1', worker: '' };
  writeFileSync(join(dir, `${BLOB.sha256}.lock`), JSON.stringify(entry));
  let ms = 0;
  const impatient = { now: () => ms, monotonic: () => (ms += 10_000) };
  const from = source();
  const all = [1, 2, 3, 4].map(() => cacheIn(dir, impatient).ensure(BLOB, from, NEVER));
  await Promise.all(all);
  assert.equal(from.seen.fetches, 1);
});

test('only what this session brought is removed on request, also after a restart', async (t) => {
  const dir = directory(t);
  const other = createHash('sha256').update('other').digest('hex');
  writeFileSync(join(dir, other), 'other');
  await cacheIn(dir).ensure(BLOB, source(), NEVER);
  cacheIn(dir, systemClock, 'deadbeef').removeBrought([BLOB.sha256, other]);
  assert.deepEqual(blobsIn(dir).sort(), [BLOB.sha256, other].sort(), 'not of another session');
  cacheIn(dir).removeBrought([BLOB.sha256, other]);
  assert.deepEqual(readdirSync(dir), [other]);
});
