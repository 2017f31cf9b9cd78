import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { PeerAnswer, SyncRequest } from '#wire';
import { type FieldWorker, openField, putBlob } from './testing/field.ts';

const BYTES = 1 << 20;
const door = (digit: string) => ({ port: 4000, pin: 'cd'.repeat(32), key: digit.repeat(64) });

/** A job whose tasks need a file that workers are told to hold, and those who come to run them. */
async function openSite(t: TestContext, options: { readonly stagerPatienceMs?: number } = {}) {
  const field = await openField(t, options);
  const path = join(field.root, 'library');
  writeFileSync(path, randomBytes(BYTES));
  const blob = await putBlob(field, path);
  const from = { kind: 'file', blob, bytes: BYTES, writable: false, executable: false } as const;
  await field.submit({ inputs: [{ name: 'library', from }] });
  /** Syncs as a worker that has looked for what it was told of; answers whether it is to get it. */
  const isTold = async (worker: FieldWorker, more: Partial<SyncRequest>): Promise<boolean> => {
    const first = await worker.sync([], more);
    const data = [{ blob, state: 'absent' as const }];
    const told = await worker.sync([], { ...more, dataVersion: first.data?.version ?? '', data });
    return (told.data ?? first.data)?.wishes.some(({ fetch }) => fetch) ?? false;
  };
  const ask = async (worker: FieldWorker): Promise<PeerAnswer> => {
    const question = { worker: `id-${worker.name}`, blob };
    return (await worker.post('/peers', question)).json() as Promise<PeerAnswer>;
  };
  return { ...field, blob, isTold, ask };
}

test('a site gets a file by its stager, and its workers are told to get it once that has it', async (t) => {
  const { worker, blob, isTold, ask } = await openSite(t);
  const [store, leaf, other] = [worker('store', 0), worker('leaf', 1), worker('other', 1)];
  await store.sync([], { peer: door('1') });
  const site = { stager: 'store', peer: door('2') };
  assert.equal(await isTold(leaf, site), false, 'nothing is to be got yet');
  assert.equal(await isTold(store, { peer: door('1') }), true, 'but by the stager');
  const data = [{ blob, state: 'here' as const }];
  await store.sync([], { peer: door('1'), data });
  const { data: now } = await leaf.sync([], site);
  assert.deepEqual(
    now?.wishes.map(({ fetch }) => fetch),
    [true],
  );
  const { peers, waitMs } = await ask(leaf);
  assert.deepEqual([peers.map(({ name }) => name), waitMs > 0], [['store'], true]);
  await leaf.sync([], { ...site, data });
  await other.sync([], { stager: 'store' });
  const names = (await ask(other)).peers.map(({ name }) => name);
  assert.deepEqual(names.sort(), ['leaf', 'store'], 'others of the site give it too');
  const far = worker('far', 1);
  await far.sync([], { peer: door('3') });
  assert.deepEqual(
    (await ask(far)).peers.map(({ name }) => name),
    ['store'],
    'those of a site are not for others',
  );
});

test('where the stager cannot have a file, is not there or lets nobody in, the server gives it', async (t) => {
  const { worker, blob, isTold, ask } = await openSite(t);
  const leaf = worker('leaf', 1);
  assert.equal(await isTold(leaf, { stager: 'store' }), true);
  assert.deepEqual(await ask(leaf), { peers: [], waitMs: 0 });
  const store = worker('store', 0);
  await store.sync([], { peer: null });
  assert.equal(await isTold(leaf, { stager: 'store' }), true);
  await store.sync([], { peer: door('1') });
  assert.equal(await isTold(leaf, { stager: 'store' }), false);
  assert.equal(await isTold(store, { peer: door('1') }), true, 'ordered when it has come');
  await store.sync([], { peer: door('1'), data: [{ blob, state: 'tried' }] });
  assert.equal(await isTold(leaf, { stager: 'store' }), true);
  assert.deepEqual(await ask(leaf), { peers: [], waitMs: 0 });
  const own = worker('own', 1);
  assert.equal(
    await isTold(own, { stager: 'own', peer: door('4') }),
    true,
    'nobody waits for itself',
  );
});

test('a stager that lives and never tells of a file is not waited for beyond its time', async (t) => {
  const { worker, isTold, ask } = await openSite(t, { stagerPatienceMs: 300 });
  const [store, leaf] = [worker('store', 0), worker('leaf', 1)];
  await store.sync([], { peer: door('1') });
  const sinceMs = performance.now();
  while (!(await isTold(leaf, { stager: 'store' }))) {
    assert.equal(await isTold(store, { peer: door('1') }), true);
    assert.ok(performance.now() - sinceMs < 30_000, 'its site waits for ever');
  }
  assert.ok(performance.now() - sinceMs >= 300);
  assert.deepEqual(await ask(leaf), { peers: [], waitMs: 0 });
});
