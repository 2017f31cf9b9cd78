/** One transfer and those who wait for it: joining, leaving, stalling, progress, digests, limits. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Asked, openOrigin, sendShort, serve, sha256Of } from './testing/origin.ts';
import { openStore, readHeld, until } from './testing/store.ts';
import { BARE1, BARE2, V1, V2 } from './testing/versions.ts';

test('a thousand who wait for one file are one request, and each may leave', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<() => void>();
  const key = origin.on('/file', (q, r) => isAsked(() => serve(q, r, V1)));
  const leaving = new AbortController();
  const leaver = store.ensure({ key, mode: 'immutable', signal: leaving.signal });
  const waiting = Array.from({ length: 999 }, () => store.ensure({ key, mode: 'immutable' }));
  const answer = await asked;
  leaving.abort(new Error('changed my mind'));
  await assert.rejects(leaver, /changed my mind/);
  answer();
  const held = await Promise.all(waiting);
  assert.equal(origin.countOf('/file'), 1);
  assert.equal(new Set(held.map(({ path }) => path)).size, 1);
  await Promise.all(held.map(({ release }) => release()));
});

test('when the last one leaves, the transfer is broken off', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  let isOver = false;
  const key = origin.on('/file', (_q, r) => {
    r.writeHead(200, { 'content-length': '100' });
    r.write('x');
    r.on('close', () => {
      isOver = true;
    });
  });
  const leaving = new AbortController();
  const waiting = store.ensure({ key, mode: 'immutable', signal: leaving.signal });
  await until(() => store.underWay().some(({ bytes }) => bytes > 0));
  leaving.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await until(() => isOver && store.underWay().length === 0);
});

test('an origin that stalls is given up, and holds nobody else up', async (t) => {
  const origin = await openOrigin(t);
  const other = await openOrigin(t);
  const fetching = { slowBytesPerSecond: 1000, slowMs: 300, perOrigin: 1, inAll: 2, tries: 2 };
  const store = await openStore(t, { fetching });
  const stalled = origin.on('/stalled', (_q, r) => {
    r.writeHead(200, { 'content-length': '1000000' });
    r.write('x');
  });
  const behind = origin.on('/behind', (q, r) => serve(q, r, V1));
  const key = other.on('/file', (q, r) => serve(q, r, V1));
  const gaveUp = assert.rejects(store.ensure({ key: stalled, mode: 'immutable' }), {
    code: 'DATA_FETCH_FAILED',
    message: /fewer than 1000 bytes a second/,
  });
  const queued = store.ensure({ key: behind, mode: 'immutable' });
  await readHeld(await store.ensure({ key, mode: 'immutable' }));
  await gaveUp;
  await readHeld(await queued);
});

test('progress only grows, is told anew after a restart, and ends with the whole', async (t) => {
  const origin = await openOrigin(t);
  let ms = 0;
  // Nothing is too soon to be told after something else.
  const clock = { now: () => Date.now(), monotonic: () => (ms += 1000) };
  const store = await openStore(t, { clock });
  const key = origin.on('/file', (q, r, nth) => {
    if (nth === 1) sendShort(r, BARE1, 60_000);
    else serve(q, r, BARE2);
  });
  const told: number[] = [];
  const onProgress = ({ bytes }: { bytes: number }) => void told.push(bytes);
  await readHeld(await store.ensure({ key, mode: 'immutable', onProgress }));
  const falls = told.filter((bytes, at) => at > 0 && bytes < told[at - 1]!);
  assert.deepEqual(falls, [0]);
  assert.equal(told.at(-1), BARE2.bytes.length);
});

test('a digest that is given decides, wherever the bytes lie already', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/file', (q, r) => serve(q, r, V1));
  const twin = origin.on('/twin', (q, r) => serve(q, r, V1));
  const beside = origin.on('/beside', (q, r) => serve(q, r, V1));
  origin.on('/beside.sha256', (_q, r) => void r.end(`${sha256Of(V2.bytes)}  beside\n`));
  const digests = { sha256: sha256Of(V1.bytes) };
  const wrong = store.ensure({ key, mode: 'immutable', digests: { sha256: sha256Of(V2.bytes) } });
  await assert.rejects(wrong, { code: 'DATA_DIGEST_WRONG' });
  assert.equal(await store.find(key), null);
  await readHeld(await store.ensure({ key, mode: 'revalidate', digests }));
  const same = await store.ensure({ key: twin, mode: 'immutable', digests });
  assert.equal(same.way.how, 'same');
  assert.ok((await readHeld(same)).equals(V1.bytes));
  assert.equal(origin.countOf('/twin'), 0);
  // Not even another name of the same file, which would keep it for ever.
  assert.deepEqual(readdirSync(join(store.directory, 'parts')), []);
  const contradicted = store.ensure({ key: beside, mode: 'immutable', hasDigestBeside: true });
  await assert.rejects(contradicted, { code: 'DATA_DIGEST_WRONG', message: /beside\.sha256/ });
  // It is looked at also where a file lies here already.
  let now = V1;
  const later = origin.on('/later', (q, r) => serve(q, r, now));
  origin.on('/later.sha256', (_q, r) => void r.end(sha256Of(now.bytes)));
  const checked = { key: later, mode: 'immutable', hasDigestBeside: true } as const;
  for (const [version, how, moved] of [
    [V1, 'fetched', V1.bytes.length],
    [V1, 'revalidated', 0],
    [V2, 'fetched', V2.bytes.length],
  ] as const) {
    now = version;
    const held = await store.ensure(checked);
    assert.deepEqual([held.way.how, held.way.movedBytes], [how, moved]);
    assert.equal(held.sha256, sha256Of(version.bytes));
    await held.release();
  }
});

test('a digest beside that never comes is given up, before the file itself is fetched', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t, {
    fetching: { slowBytesPerSecond: 1000, slowMs: 200, tries: 1 },
  });
  const key = origin.on('/file', (q, r) => serve(q, r, V1));
  origin.on('/file.sha256', (_q, r) => void r.write('0'));
  const asked = store.ensure({ key, mode: 'immutable', hasDigestBeside: true });
  await assert.rejects(asked, { code: 'DATA_FETCH_FAILED', message: /bytes a second/ });
  const patient = await openStore(t, { fetching: { tries: 1 } });
  const missing = patient.ensure({
    key: origin.on('/none', () => {}),
    mode: 'immutable',
    hasDigestBeside: true,
  });
  await assert.rejects(missing, { code: 'DATA_REFUSED', message: /none\.sha256: .* 404/ });
  assert.deepEqual([origin.countOf('/file'), origin.countOf('/none')], [0, 0]);
});

test('the login of an address goes to no other source of its bytes, not even for their digest', async (t) => {
  const [origin, mirror] = [await openOrigin(t), await openOrigin(t)];
  const store = await openStore(t);
  const gone = origin.on('/file', (_q, r) => void r.writeHead(404).end());
  const there = mirror.on('/file', (q, r) => serve(q, r, V1));
  mirror.on('/file.sha256', (_q, r) => void r.end(`${sha256Of(V1.bytes)}  file\n`));
  const sources = [gone.replace('//', '//ada:secret@'), there];
  const held = await store.ensure({ key: gone, mode: 'immutable', sources, hasDigestBeside: true });
  assert.ok((await readHeld(held)).equals(V1.bytes));
  const shown = ({ headers }: Asked) => headers.authorization;
  assert.deepEqual(origin.asked.map(shown), [`Basic ${btoa('ada:secret')}`]);
  assert.deepEqual(mirror.asked.map(shown), [undefined, undefined]);
});

test('what is too large is refused before it is fetched, or as soon as it shows', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const told = origin.on('/told', (q, r) => serve(q, r, V1));
  const chunked = origin.on('/chunked', (_q, r) => {
    r.write(V1.bytes);
  });
  for (const key of [told, chunked]) {
    const asked = store.ensure({ key, mode: 'immutable', mostBytes: 1000 });
    await assert.rejects(asked, { code: 'DATA_TOO_LARGE' });
  }
});
