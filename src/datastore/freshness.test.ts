/** Which version a request gets: fresh, asked about, pinned, stale, or one that may not be kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openOrigin, serve } from './testing/origin.ts';
import { openStore, readHeld } from './testing/store.ts';
import { DATED, V1, V2 } from './testing/versions.ts';

test('what the origin forbids to keep is for the one who asked, and never in the store', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/secret', (q, r) => serve(q, r, V1, { 'cache-control': 'no-store' }));
  const [one, two] = await Promise.all([
    store.ensure({ key, mode: 'immutable' }),
    store.ensure({ key, mode: 'immutable' }),
  ]);
  assert.ok(one.isPassing && two.isPassing);
  assert.equal(origin.countOf('/secret'), 2, 'each one asked by itself');
  assert.ok((await readHeld(one)).equals(V1.bytes));
  assert.ok((await readHeld(two)).equals(V1.bytes));
  assert.equal(await store.find(key), null);
  assert.equal((await store.list({})).matching, 0);
});

test('a file that may have changed is asked about, and brought only when it has', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  let version = V1;
  const key = origin.on('/file', (q, r) => serve(q, r, version, { 'cache-control': 'no-cache' }));
  const ensure = async (staleAllowed = false) => {
    const held = await store.ensure({ key, mode: 'revalidate', staleAllowed });
    return { how: held.way.how, bytes: await readHeld(held) };
  };
  assert.deepEqual(await ensure(), { how: 'fetched', bytes: V1.bytes });
  assert.deepEqual(await ensure(), { how: 'revalidated', bytes: V1.bytes });
  version = V2;
  assert.deepEqual(await ensure(), { how: 'fetched', bytes: V2.bytes });
  const unasked = await store.ensure({ key, mode: 'immutable' });
  assert.equal(unasked.way.how, 'hit');
  await unasked.release();
  assert.equal(origin.countOf('/file'), 3);
});

test('what is fresh by what its headers say is not asked about, and of nothing is it guessed', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const fresh = origin.on('/fresh', (q, r) =>
    serve(q, r, V1, { 'cache-control': 'private, max-age=60' }),
  );
  const old = origin.on('/old', (q, r) => serve(q, r, DATED));
  const ways: string[] = [];
  for (const key of [fresh, fresh, old, old]) {
    const held = await store.ensure({ key, mode: 'revalidate' });
    ways.push(held.way.how);
    await held.release();
  }
  assert.deepEqual(ways, ['fetched', 'hit', 'fetched', 'revalidated'], 'an old date is no promise');
  assert.equal(origin.countOf('/fresh'), 1);
});

test('a pinned version is what its pin sees, whatever the origin has by now', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  let version = V1;
  const key = origin.on('/file', (q, r) => serve(q, r, version, { 'cache-control': 'no-cache' }));
  const first = await store.ensure({ key, mode: 'pin', pin: 'job-1' });
  version = V2;
  const other = await store.ensure({ key, mode: 'revalidate' });
  const again = await store.ensure({ key, mode: 'pin', pin: 'job-1' });
  assert.ok((await readHeld(first)).equals(V1.bytes));
  assert.ok((await readHeld(other)).equals(V2.bytes));
  assert.ok((await readHeld(again)).equals(V1.bytes));
  assert.equal(origin.countOf('/file'), 2);
});

test('while the origin is down a copy is served stale to those who allow it, and says so', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/file', (q, r) => serve(q, r, V1, { 'cache-control': 'max-age=0' }));
  const strict = origin.on('/strict', (q, r) =>
    serve(q, r, V1, { 'cache-control': 'max-age=0, must-revalidate' }),
  );
  for (const one of [key, strict])
    await readHeld(await store.ensure({ key: one, mode: 'revalidate' }));
  await origin.close();
  const held = await store.ensure({ key, mode: 'revalidate', staleAllowed: true });
  assert.equal(held.way.how, 'stale');
  assert.ok((await readHeld(held)).equals(V1.bytes));
  assert.ok(store.events.some(({ kind }) => kind === 'stale'));
  await assert.rejects(store.ensure({ key, mode: 'revalidate' }), { code: 'DATA_FETCH_FAILED' });
  const refused = store.ensure({ key: strict, mode: 'revalidate', staleAllowed: true });
  await assert.rejects(refused, { code: 'DATA_FETCH_FAILED' });
});
