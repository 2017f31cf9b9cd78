/** The MD5 of large files is made when somebody asks for it or the store is at rest, and then known. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { LateMd5 } from './late-md5.ts';
import { bytesOf, openOrigin, serve } from './testing/origin.ts';
import { openStore } from './testing/store.ts';

const V1 = { bytes: bytesOf(2_500_000, 1), etag: '"1"' };
const V2 = { bytes: bytesOf(2_500_000, 2), etag: '"2"' };
const md5Of = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');

test('the MD5 of a large file is made when it is asked for, once, or when all is read anyway', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/file', (q, r) => serve(q, r, V1));
  const held = await store.ensure({ key, mode: 'immutable' });
  assert.equal(held.md5, null);
  assert.equal(await store.md5Of(held), md5Of(V1.bytes));
  assert.equal((await store.find(key))?.md5, null);
  assert.equal((await store.inspect(key))?.md5, md5Of(V1.bytes));
  assert.equal((await store.find(key))?.md5, md5Of(V1.bytes), 'it is written down');
  await held.release();
  const other = origin.on('/other', (q, r) => serve(q, r, V2));
  await (await store.ensure({ key: other, mode: 'immutable' })).release();
  await store.verify({ keys: [other] });
  assert.equal((await store.find(other))?.md5, md5Of(V2.bytes));
  assert.equal(await store.inspect('lab:none'), null);
});

test('whoever wants a file of some MD5 gets that one, also where another lies here of which none is known', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  let version = V1;
  const key = origin.on('/file', (q, r) => serve(q, r, version));
  await (await store.ensure({ key, mode: 'immutable' })).release();
  const first = { key, mode: 'immutable', digests: { md5: md5Of(V1.bytes) } } as const;
  const hit = await store.ensure(first);
  assert.deepEqual([hit.way.how, hit.md5], ['hit', md5Of(V1.bytes)]);
  await hit.release();
  await (await store.ensure({ key: `${key}?2`, mode: 'immutable' })).release();
  version = V2;
  const second = { ...first, key: `${key}?2`, digests: { md5: md5Of(V2.bytes) } };
  const fetched = await store.ensure(second);
  assert.deepEqual([fetched.way.how, fetched.md5], ['fetched', md5Of(V2.bytes)]);
  await fetched.release();
  await assert.rejects(store.ensure({ ...first, key: `${key}?3` }), { code: 'DATA_DIGEST_WRONG' });
});

test('a store at rest makes the MD5 that nobody has asked for', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/file', (q, r) => serve(q, r, V1));
  t.mock.timers.enable({ apis: ['setTimeout'] });
  await (await store.ensure({ key, mode: 'immutable' })).release();
  t.mock.timers.tick(4000);
  assert.equal((await store.find(key))?.md5, null);
  t.mock.timers.tick(2000);
  let md5: string | null | undefined = null;
  while (md5 === null) {
    await new Promise((resolve) => setImmediate(resolve));
    md5 = (await store.find(key))?.md5;
  }
  assert.equal(md5, md5Of(V1.bytes));
});

test('while files come, or once it is closed, none is made', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  let isBusy = true;
  const made: string[] = [];
  const late = new LateMd5({
    isBusy: () => isBusy,
    make: async ({ key }) => {
      made.push(key);
      if (key === 'gone') throw new Error('it is not here any more');
    },
  });
  for (const key of ['gone', 'a', 'b']) late.add({ key, owner: '', hash: key });
  t.mock.timers.tick(5000);
  await turn();
  assert.deepEqual(made, []);
  isBusy = false;
  t.mock.timers.tick(5000);
  await turn();
  assert.deepEqual(made, ['gone', 'a', 'b']);
  late.add({ key: 'c', owner: '', hash: 'c' });
  await late.close();
  t.mock.timers.tick(60_000);
  await turn();
  assert.equal(made.length, 3);
});
