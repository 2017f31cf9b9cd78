import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#base';
import { BlobCache } from './blob-cache.ts';
import { takeLock } from './lock-file.ts';
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
  const cache = new BlobCache(directory(t), systemClock);
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
  const first = new BlobCache(dir, systemClock).ensure(BLOB, from, NEVER);
  const second = new BlobCache(dir, systemClock).ensure(BLOB, from, NEVER);
  setTimeout(resolve, 20);
  await Promise.all([first, second]);
  assert.equal(from.seen.fetches, 1);
  assert.deepEqual(readdirSync(dir), [BLOB.sha256]);
});

test('a holder elsewhere that shows no progress is passed over', async (t) => {
  const dir = directory(t);
  const entry = { host: 'elsewhere', pid: 1, realm: 'x', startTime: '1', worker: '' };
  writeFileSync(join(dir, `${BLOB.sha256}.lock`), JSON.stringify(entry));
  let ms = 0;
  const impatient = { now: () => ms, monotonic: () => (ms += 30_000) };
  const from = source();
  await new BlobCache(dir, impatient).ensure(BLOB, from, NEVER);
  assert.equal(from.seen.fetches, 1);
});

test('a blob from an earlier run is used when its digest is right, and replaced when not', async (t) => {
  const dir = directory(t);
  const path = join(dir, BLOB.sha256);
  const from = source();
  writeFileSync(path, CONTENT);
  await new BlobCache(dir, systemClock).ensure(BLOB, from, NEVER);
  assert.equal(from.seen.fetches, 0);
  writeFileSync(path, 'something else');
  const cache = new BlobCache(dir, systemClock);
  await cache.ensure(BLOB, from, NEVER);
  assert.equal(from.seen.fetches, 1);
  assert.equal(readFileSync(path, 'utf8'), CONTENT);
});

test('a blob that is overwritten in place is not ready any more', async (t) => {
  const cache = new BlobCache(directory(t), systemClock);
  await cache.ensure(BLOB, source(), NEVER);
  const path = cache.pathOf(BLOB.sha256);
  chmodSync(path, 0o644);
  assert.ok(cache.isReady(BLOB.sha256), 'other rights change no content');
  writeFileSync(path, 'THE PROGRAM');
  assert.equal(cache.isReady(BLOB.sha256), false);
});

test('a failed fetch is not remembered, and leaves no lock', async (t) => {
  const dir = directory(t);
  const cache = new BlobCache(dir, systemClock);
  const broken: Pick<ServerLink, 'fetchBlob'> = {
    fetchBlob: () => Promise.reject(new Error('broken off')),
  };
  await assert.rejects(cache.ensure(BLOB, broken, NEVER), /broken off/);
  const lock = takeLock(join(dir, `${BLOB.sha256}.lock`));
  assert.ok(lock.taken);
  lock.release();
  await cache.ensure(BLOB, source(), NEVER);
});

test('only what this process brought is removed on request', async (t) => {
  const dir = directory(t);
  const other = createHash('sha256').update('other').digest('hex');
  writeFileSync(join(dir, other), 'other');
  const cache = new BlobCache(dir, systemClock);
  await cache.ensure(BLOB, source(), NEVER);
  cache.removeBrought([BLOB.sha256, other]);
  assert.deepEqual(readdirSync(dir), [other]);
});
