import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openField } from './testing/field.ts';

const ROWS = [{ kind: 'values', columns: ['i'], rows: [['1'], ['2']] }] as const;

test('attributes that programs set are in the ads of their task and job, also after a restart', async (t) => {
  const field = await openField(t);
  const chirp = { io: true, delayed: true };
  const { job } = (await field.submit({ axes: ROWS, chirp })).json ?? { job: 1 };
  const worker = field.worker('w', 2);
  const { attempts } = await worker.sync();
  const [first, second] = attempts;
  const tell = async (ticket: number, name: string, expression: string, by = 'id-w') => {
    const told = [{ ticket, kind: 'attribute', name, expression }];
    const answer = await worker.post('/attributes', { worker: by, told });
    return ((await answer.json()) as { taken: boolean[] }).taken;
  };
  assert.deepEqual(await tell(first!.ticket, 'payload_user', '"cms"'), [true]);
  assert.deepEqual(await tell(second!.ticket, 'payload_user', '"lhcb"'), [true]);

  // A worker is not believed: neither about tickets of others nor about names.
  assert.deepEqual(await tell(first!.ticket, 'payload_user', '"x"', 'id-other'), [false]);
  assert.deepEqual(await tell(999, 'payload_user', '"x"'), [false]);
  assert.deepEqual(await tell(first!.ticket, 'RequestMemory', '1'), [false]);
  assert.deepEqual(await tell(first!.ticket, 'Broken', '1 +'), [false]);

  const remark = {
    ticket: first!.ticket,
    kind: 'remark',
    text: `half done\n...\n${'é'.repeat(100)}`,
  };
  await worker.post('/attributes', { worker: 'id-w', told: [remark] });
  const [last] = (await field.store.changesAfter(1, 0, 100)).slice(-1);
  assert.equal(last?.kind, 'remarked');
  assert.match(last.reason, /^half done \.\.\. é+$/);
  assert.ok(Buffer.byteLength(last.reason) <= 128);

  const read = async (name: string) => {
    const question = { worker: 'id-w', ticket: first!.ticket, name };
    const answer = await worker.post('/attributes/read', question);
    return ((await answer.json()) as { expression: string | null }).expression;
  };
  assert.equal(await read('PAYLOAD_USER'), '"cms"');
  assert.equal(await read('RequestCpus'), '1');
  assert.equal(await read('Nothing'), null);

  const tasks = async (where: typeof field, user: string) => {
    const constraint = encodeURIComponent(`payload_user == "${user}"`);
    const page = await where.api('GET', `/v1/jobs/${job ?? 1}/tasks?constraint=${constraint}`);
    return page.json.tasks.map(({ task }: { task: number }) => task);
  };
  assert.deepEqual(await tasks(field, 'cms'), [first!.task]);
  const again = await field.restart();
  assert.deepEqual(await tasks(again, 'lhcb'), [second!.task]);
  const jobs = await again.api(
    'GET',
    `/v1/jobs?constraint=${encodeURIComponent('payload_user == "lhcb"')}`,
  );
  assert.equal(jobs.json.jobs.length, 1);
});

test('a task sets no more than a hundred attributes, and none that its job did not ask for', async (t) => {
  const field = await openField(t);
  await field.submit({ axes: ROWS, chirp: { io: false, delayed: true } });
  const worker = field.worker('w', 1);
  const [attempt] = (await worker.sync()).attempts;
  const { ticket } = attempt!;
  const told = Array.from({ length: 101 }, (_, n) => {
    return { ticket, kind: 'attribute', name: `Chirp${n}`, expression: String(n) };
  });
  const send = async (what: readonly object[]) => {
    const answer = await worker.post('/attributes', { worker: 'id-w', told: what });
    return ((await answer.json()) as { taken: boolean[] }).taken;
  };
  await send(told.slice(0, 100));
  assert.deepEqual(await send([told[100]!, told[5]!]), [false, true]);
  const unasked = { ticket, kind: 'attribute', name: 'Other', expression: '1' };
  assert.deepEqual(await send([unasked, { ticket, kind: 'remark', text: 'x' }]), [false, false]);
});
