import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ended, type Field, openField, putBlob, TOKEN } from './testing/field.ts';

const rows = (...values: string[]) =>
  [{ kind: 'values', columns: ['i'], rows: values.map((value) => [value]) }] as const;

async function putTable(field: Field, cells: string): Promise<string> {
  const put = await fetch(`${field.url}/v1/tables?format=csv&file=grid.csv`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' },
    body: `i\n${cells}\n`,
  });
  return ((await put.json()) as { table: string }).table;
}

async function putText(field: Field, text: string): Promise<{ blob: string; bytes: number }> {
  const path = join(field.root, 'text');
  writeFileSync(path, text);
  return { blob: await putBlob(field, path), bytes: text.length };
}

/** As if nobody had asked for any file since yesterday. */
function age(field: Field): void {
  const yesterday = new Date(Date.now() - 24 * 3_600_000);
  for (const folder of ['tables', 'blobs', 'work']) {
    const path = join(field.root, 'state', folder);
    for (const name of existsSync(path) ? readdirSync(path) : []) {
      utimesSync(join(path, name), yesterday, yesterday);
    }
  }
}

const input = ({ blob, bytes }: { blob: string; bytes: number }) =>
  ({
    name: 'deck',
    from: { kind: 'file', blob, bytes, writable: false, executable: false },
  }) as const;

const remove = (field: Field, job: number) =>
  field.api('PATCH', `/v1/jobs/${job}`, { action: 'remove' });

/** Without the marks beside them of when they were asked for. */
const below = (field: Field, folder: string) =>
  readdirSync(join(field.root, 'state', folder)).filter((name) => !name.includes('.claimed'));

test('a removed job gives back its results, history, tables and blobs, and takes nothing of others', async (t) => {
  let field = await openField(t);
  const [own, shared] = [await putTable(field, '1'), await putTable(field, '2')];
  const [deck, common] = [await putText(field, 'own'), await putText(field, 'common')];
  const first = await field.submit({
    name: 'first',
    axes: [{ kind: 'file', table: own }],
    inputs: [input(deck), { ...input(common), name: 'other' }],
  });
  const second = await field.submit({
    name: 'second',
    axes: [{ kind: 'file', table: shared }],
    inputs: [input(common)],
  });
  await field.worker('a').workOff();
  const sequence = field.server.core.sequence;
  await remove(field, first.job);
  age(field);
  await field.server.prune();
  assert.deepEqual(below(field, 'tables').sort(), [shared, `${shared}.index`]);
  assert.deepEqual(below(field, 'blobs'), [common.blob]);
  assert.deepEqual(below(field, 'jobs'), [String(second.job)]);
  assert.deepEqual(await field.store.attemptsOfTask(first.job, 0), []);
  field = await field.restart();
  assert.equal(field.job(first.job).state, 'removed');
  assert.equal(field.server.core.sequence, sequence, 'ends are never numbered twice');
  const { json: list } = await field.api('GET', '/v1/jobs');
  assert.deepEqual(
    list.jobs.map(({ job, counts }: { job: number; counts: object }) => [job, counts]),
    [second, first].map(({ job }) => [job, field.job(job).tasks.counts()]),
  );
  const answer = await fetch(`${field.url}/v1/jobs/${second.job}/results`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  assert.match(await answer.text(), /"text":"2\\n"/);
});

test('what came or was asked for lately stays, since its job may still come', async (t) => {
  const field = await openField(t);
  const table = await putTable(field, '1');
  const deck = await putText(field, 'deck');
  age(field);
  await fetch(`${field.url}/v1/blobs/${deck.blob}`, {
    method: 'HEAD',
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const gone = await field.submit({ axes: [{ kind: 'file', table }] });
  await remove(field, gone.job);
  await field.server.prune();
  assert.deepEqual(below(field, 'blobs'), [deck.blob]);
  assert.deepEqual(below(field, 'tables').sort(), [table, `${table}.index`]);
});

test('results that a later job counts as its own stay until that one is removed too', async (t) => {
  let field = await openField(t);
  const output = join(field.root, 'out');
  const first = await field.submit({ axes: rows('1', '2'), output });
  await field.worker('a').workOff();
  const second = await field.submit({ axes: rows('1', '2', '3'), output });
  await field.worker('b').workOff();
  await field.server.settled();
  await remove(field, first.job);
  await field.server.prune();
  field = await field.restart();
  await field.server.prune();
  rmSync(output, { recursive: true });
  await field.submit({ axes: rows('1', '2', '3'), output });
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n2\n3\n');
  await remove(field, second.job);
  await field.server.prune();
  await field.server.prune();
  assert.deepEqual(below(field, 'jobs'), []);
});

test('a removed job whose programs still run keeps everything until they are told to have ended', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({ axes: rows('1') });
  const worker = field.worker('a');
  const [attempt] = (await worker.sync()).attempts;
  await remove(field, job);
  await field.server.prune();
  assert.equal(field.job(job).emptied, false);
  await worker.sync([ended(attempt!, 'cancelled')], { freeSlots: 0 });
  await field.server.prune();
  assert.deepEqual([field.job(job).emptied, below(field, 'jobs')], [true, []]);
});

test('a server killed at any instant of the deleting opens again, and deletes the rest', async (t) => {
  const field = await openField(t);
  const kept = await field.submit({ name: 'kept', axes: rows('7') });
  const values = Array.from({ length: 5000 }, (_, i) => String(i));
  const gone = await field.submit({ name: 'gone', axes: rows(...values) });
  await field.worker('a', 6000).workOff();
  await remove(field, gone.job);
  const snapshots: string[] = [];
  const snapshot = () => {
    const root = join(field.root, `killed-${snapshots.length}`);
    cpSync(join(field.root, 'state'), join(root, 'state'), { recursive: true });
    snapshots.push(root);
  };
  const { store } = field;
  const forget = store.forget.bind(store);
  store.forget = async (job, limit) => {
    snapshot();
    return forget(job, limit);
  };
  const { results } = field.job(gone.job);
  const close = results.close.bind(results);
  results.close = async () => {
    await close();
    snapshot();
  };
  await field.server.prune();
  assert.ok(snapshots.length >= 4, `${snapshots.length} snapshots`);
  for (const root of snapshots) {
    const again = await openField(t, { root });
    await again.server.prune();
    assert.deepEqual(below(again, 'jobs'), [String(kept.job)]);
    assert.equal((await again.store.attemptsAfter(gone.job, 0, 10)).length, 0);
    assert.equal((await again.store.collectedByTask(kept.job, -1, 10)).length, 1);
    assert.equal(again.server.core.sequence, 5001);
  }
});
