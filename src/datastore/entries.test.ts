import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '#base';
import { entryName } from './disk/key.ts';
import { bytesOf, openOrigin, serve } from './testing/origin.ts';
import { directoryFor, mountFor, openStore, readHeld, type TestStore } from './testing/store.ts';

const BYTES = bytesOf(50_000, 1);
const OTHER = bytesOf(60_000, 2);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A difference of buffers is nothing to look at, and takes minutes to print. */
function same(found: Buffer | null, wanted: Buffer, what = 'the bytes differ'): void {
  assert.ok(found?.equals(wanted), what);
}

async function contentOf(store: TestStore, key: string): Promise<Buffer | null> {
  const held = await store.hold(key);
  return held && (await readHeld(held));
}

function overwriteQuietly(path: string): void {
  const { atime, mtime } = statSync(path);
  execFileSync(
    'sh',
    ['-c', 'chmod u+w "$1" && printf X | dd of="$1" bs=1 seek=7 conv=notrunc', '-', path],
    {
      stdio: 'ignore',
    },
  );
  utimesSync(path, atime, mtime);
}

test('the same bytes under several keys are one file', async (t) => {
  const store = await openStore(t);
  const [one, two] = [
    await store.put(once(BYTES), { key: 'lab:one' }),
    await store.put(once(BYTES), { key: 'lab:two' }),
  ];
  assert.equal(statSync(one.path).ino, statSync(two.path).ino);
  assert.equal((await store.usage()).bytes, BYTES.length);
  await store.remove('lab:one');
  same(await contentOf(store, 'lab:two'), BYTES);
  await store.remove('lab:two');
  assert.equal(await store.holdContent(two.sha256), null, 'nothing of it is left');
});

test('bytes that a crash left without an entry are found when room is asked for', async (t) => {
  const store = await openStore(t);
  const view = await store.put(once(BYTES), { key: 'lab:one' });
  rmSync(view.path);
  rmSync(view.path.replace(/dat$/, 'key'));
  await store.put(once(OTHER), { key: 'lab:other' });
  const { freedBytes } = await store.age({ toBytes: Number.MAX_SAFE_INTEGER });
  assert.equal(freedBytes, BYTES.length);
  same(await contentOf(store, 'lab:other'), OTHER);
});

test('two keys under one hash are told of, and nothing is overwritten', async (t) => {
  const store = await openStore(t);
  const view = await store.put(once(BYTES), { key: 'lab:one' });
  const path = view.path.replace(/dat$/, 'key');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"lab:one"', '"lab:six"'));
  await assert.rejects(store.put(once(OTHER), { key: 'lab:one' }), { code: 'DATA_COLLISION' });
  await assert.rejects(store.ensure({ key: 'lab:one', mode: 'immutable' }), {
    code: 'DATA_COLLISION',
  });
  same(readFileSync(view.path), BYTES);
});

test('bytes that somebody wrote to are never served, and fetched again', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/file', (q, r) => serve(q, r, { bytes: BYTES }));
  const held = await store.ensure({ key, mode: 'immutable' });
  const { path } = (await store.find(key))!;
  appendFileSync(path, 'more');
  const again = await store.ensure({ key, mode: 'immutable' });
  same(await readHeld(again), BYTES);
  assert.equal(origin.countOf('/file'), 2);
  assert.deepEqual(store.events.filter(({ kind }) => kind === 'corrupt').length, 1);
  assert.equal(readdirSync(join(store.directory, 'aside')).length > 0, true);
  await held.release();
});

test('damage that no time of change tells is found by verifying', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/file', (q, r) => serve(q, r, { bytes: BYTES }));
  await readHeld(await store.ensure({ key, mode: 'immutable' }));
  overwriteQuietly((await store.find(key))!.path);
  const { good, corrupt } = await store.verify();
  assert.deepEqual({ good, corrupt }, { good: 0, corrupt: 1 });
  assert.equal(await store.find(key), null);
  same(await readHeld(await store.ensure({ key, mode: 'immutable' })), BYTES);
});

test('damage is found under all keys that share the bytes, and by samples of what is there', async (t) => {
  const store = await openStore(t, { random: () => 0.4 });
  const one = await store.put(once(BYTES), { key: 'lab:one' });
  await store.put(once(BYTES), { key: 'lab:two' });
  await store.put(once(Buffer.from('other')), { key: 'lab:other' });
  overwriteQuietly(one.path);
  assert.equal((await store.verify({ share: 0.3 })).good, 0);
  const { good, corrupt } = await store.verify({ keys: ['lab:one'] });
  assert.deepEqual({ good, corrupt }, { good: 0, corrupt: 2 });
  assert.equal(await store.find('lab:two'), null);
  assert.equal((await store.verify({ share: 0.5 })).good, 1);
  assert.equal(store.counts().damaged, 2);
});

test('damaged bytes do not take the place of the same bytes that come whole', async (t) => {
  const store = await openStore(t);
  const one = await store.put(once(BYTES), { key: 'lab:one' });
  overwriteQuietly(one.path);
  const two = await store.put(once(BYTES), { key: 'lab:two' });
  same(readFileSync(two.path), BYTES);
});

test('a store that was copied elsewhere serves what it has', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/file', (q, r) => serve(q, r, { bytes: BYTES }));
  await readHeld(await store.ensure({ key, mode: 'immutable' }));
  const directory = join(directoryFor(t), 'copy');
  cpSync(store.directory, directory, { recursive: true });
  const copy = await openStore(t, { directory });
  same(await readHeld(await copy.ensure({ key, mode: 'immutable' })), BYTES);
  assert.equal(origin.countOf('/file'), 1);
});

test('halves of entries are as if they were not there', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const keys = ['/key', '/dat', '/torn'].map((path) =>
    origin.on(path, (q, r) => serve(q, r, { bytes: bytesOf(1000, path.length) })),
  );
  for (const key of keys) await readHeld(await store.ensure({ key, mode: 'immutable' }));
  const [key, dat, torn] = await Promise.all(keys.map(async (one) => (await store.find(one))!));
  rmSync(key!.path.replace(/dat$/, 'key'));
  rmSync(dat!.path);
  rmSync(join(store.directory, 'contents'), { recursive: true });
  mkdirSync(join(store.directory, 'contents'));
  writeFileSync(torn!.path.replace(/dat$/, 'key'), '{"format":1,"key":"htt');
  for (const one of keys) assert.equal(await store.find(one), null, one);
  for (const one of keys) await readHeld(await store.ensure({ key: one, mode: 'immutable' }));
  assert.deepEqual(['/key', '/dat', '/torn'].map(origin.countOf), [2, 2, 2]);
});

test('a whole verify tells of a description that cannot be read, and clears bytes that never got one', async (t) => {
  const clock = new ManualClock(Date.now());
  const store = await openStore(t, { clock });
  const [torn, orphan] = [
    await store.put(once(BYTES), { key: 'lab:torn' }),
    await store.put(once(OTHER), { key: 'lab:orphan' }),
  ];
  writeFileSync(torn.path.replace(/dat$/, 'key'), 'no description');
  rmSync(orphan.path.replace(/dat$/, 'key'));
  const first = await store.verify();
  assert.deepEqual([first.good, first.corrupt], [0, 1]);
  assert.deepEqual(
    store.events.filter(({ kind }) => kind === 'garbage').map(({ kind }) => kind),
    ['garbage'],
  );
  assert.ok(existsSync(orphan.path), 'its description may be on the way');
  clock.advance(7_200_000);
  assert.equal((await store.verify()).corrupt, 0);
  assert.ok(!existsSync(orphan.path) && !existsSync(torn.path));
  assert.equal(await store.holdContent(orphan.sha256), null, 'nothing of it is left');
});

test('while a version is being replaced, and after a crash there, the old one is served', async (t) => {
  const store = await openStore(t);
  const one = await store.put(once(BYTES), { key: 'lab:one' });
  const other = await store.put(once(OTHER), { key: 'lab:other' });
  // The new bytes have their name already, and the description is still the old one.
  execFileSync('ln', ['-f', other.path, one.path]);
  same(await contentOf(store, 'lab:one'), BYTES);
  same(readFileSync(one.path), BYTES, 'they are put back');
});

test('entries move to another split while they are used, also by one who knows only the old one', async (t) => {
  const directory = directoryFor(t);
  const before = await openStore(t, { directory, split: [2, 2] });
  for (let at = 0; at < 5; at++) await before.put(once(bytesOf(100, at)), { key: `lab:${at}` });
  const after = await openStore(t, { directory, split: [6] });
  same(await contentOf(after, 'lab:0'), bytesOf(100, 0));
  same(await contentOf(before, 'lab:0'), bytesOf(100, 0));
  await before.put(once(bytesOf(100, 9)), { key: 'lab:9' });
  await after.verify();
  const { hash } = entryName('lab:3');
  assert.ok(existsSync(join(directory, 'entries', hash.slice(0, 6), `${hash.slice(6)}.key`)));
  for (const at of [0, 1, 2, 3, 4, 9]) {
    same(await contentOf(before, `lab:${at}`), bytesOf(100, at));
    same(await contentOf(after, `lab:${at}`), bytesOf(100, at));
  }
});

async function agingStore(t: TestContext, mostBytes: number) {
  const clock = new ManualClock();
  const store = await openStore(t, { clock, limits: { mostBytes, leastFreeBytes: 0 } });
  const add = async (name: string) => {
    clock.advance(1000);
    await store.put(once(bytesOf(10_000, name.charCodeAt(0))), { key: `lab:${name}` });
  };
  const names = async () => (await store.list({})).entries.map(({ key }) => key.slice(4));
  return { store, clock, add, names };
}

test('what was not used for the longest goes first; what is pinned or in use stays', async (t) => {
  const { store, clock, add, names } = await agingStore(t, 0);
  for (const name of ['a', 'b', 'c']) await add(name);
  const held = await store.hold('lab:c');
  for (const name of ['d', 'e']) await add(name);
  await store.pin('lab:b', 'user');
  clock.advance(1000);
  await (await store.hold('lab:a'))?.release();
  const aged = await store.age({ toBytes: 35_000 });
  assert.deepEqual(aged, { removed: 2, freedBytes: 20_000, kept: 2 });
  assert.deepEqual(await names(), ['a', 'b', 'c']);
  await assert.rejects(store.remove('lab:b'), { code: 'DATA_PINNED' });
  same(await readHeld(held!), bytesOf(10_000, 'c'.charCodeAt(0)));
  await store.unpin('user');
  await store.age({ unusedSinceMs: clock.now() + 1 });
  assert.deepEqual(await names(), []);
});

test('above its limit a store ages by itself, down to the low mark', async (t) => {
  const { add, names } = await agingStore(t, 50_000);
  for (const name of ['a', 'b', 'c', 'd', 'e']) await add(name);
  const left = async () => (await names()).join('');
  while ((await left()) !== 'bcde') await new Promise((next) => setImmediate(next));
});

test('lists and last accesses survive a restart, and a lost index is made anew', async (t) => {
  const directory = directoryFor(t);
  const clock = new ManualClock();
  const first = await openStore(t, { directory, clock });
  for (let at = 0; at < 20; at++) {
    clock.advance(1000);
    await first.put(once(bytesOf(100 + at, at)), { key: `lab:${String(at).padStart(2, '0')}` });
  }
  clock.advance(1000);
  await contentOf(first, 'lab:03');
  await first.close();
  for (const isLost of [false, true]) {
    if (isLost) {
      rmSync(join(directory, 'index'), { recursive: true });
      mkdirSync(join(directory, 'index'));
    }
    const store = await openStore(t, { directory, clock });
    const used = await store.list({ sort: 'lastAccess', descending: true, limit: 1 });
    assert.equal(used.matching, 20);
    assert.equal(used.entries[0]!.key, isLost ? 'lab:19' : 'lab:03');
    const large = await store.list({ sort: 'bytes', descending: true, containing: ':1', limit: 2 });
    assert.deepEqual(
      large.entries.map(({ key }) => key),
      ['lab:19', 'lab:18'],
    );
    await store.close();
  }
});

test('whoever waits for a key is told when another has brought it', async (t) => {
  const directory = directoryFor(t);
  const [one, two] = [await openStore(t, { directory }), await openStore(t, { directory })];
  const waiting = one.watch('lab:one', t.signal);
  await two.put(once(BYTES), { key: 'lab:one' });
  assert.equal((await waiting).bytes, BYTES.length);
});

test('on a full disk nothing is stored but what fits, and old entries make room', async (t) => {
  const directory = mountFor(t, ['-t', 'tmpfs', '-o', 'size=2m', 'none']);
  if (directory === null) return t.skip('mounting takes more rights');
  const origin = await openOrigin(t);
  const store = await openStore(t, { directory });
  const huge = origin.on('/huge', (q, r) =>
    serve(q, r, { bytes: bytesOf(3_000_000, 1), etag: '"h"' }),
  );
  await assert.rejects(store.ensure({ key: huge, mode: 'immutable' }), { code: 'DATA_DISK_FULL' });
  assert.equal(await store.find(huge), null);
  for (let at = 0; at < 6; at++) {
    const bytes = bytesOf(500_000, at);
    const key = origin.on(`/${at}`, (q, r) => serve(q, r, { bytes }));
    same(await readHeld(await store.ensure({ key, mode: 'immutable' })), bytes);
  }
  assert.ok(store.events.some(({ kind }) => kind === 'aged'));
  const { good, corrupt } = await store.verify();
  assert.ok(good >= 1 && corrupt === 0);
  // A disk that is smaller than what shall stay free of disks is of use all the same.
  await store.age({ toBytes: 0 });
  const usual = await openStore(t, { directory, limits: {} });
  await usual.put(once(BYTES), { key: 'lab:small' });
  assert.equal((await usual.age()).removed, 0);
  assert.ok((await usual.usage()).limits.leastFreeBytes < 2_000_000);
});
