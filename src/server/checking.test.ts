import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ended, type Field, openField, putBlob, until } from './testing/field.ts';

const AXES = [{ kind: 'values', columns: ['i'], rows: [['1']] }] as const;

async function validator(field: Field, name: string, code: string) {
  const path = join(field.root, name);
  writeFileSync(path, code);
  return { kind: 'module', path, sha256: await putBlob(field, path) } as const;
}

/** Processes that this one has started and that still run. */
function children(): string[] {
  const text = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ');
}

test('the processes of a validator end with the last check of its job', async (t) => {
  const field = await openField(t);
  const validate = await validator(field, 'good.mjs', 'export default () => true;');
  const { job } = await field.submit({ axes: AXES, validate });
  const worker = field.worker('a');
  const before = children();
  const [attempt] = (await worker.sync()).attempts;
  await worker.sync([ended(attempt!)], { freeSlots: 0 });
  await until(() => field.job(job).state === 'done');
  await until(() => children().every((pid) => before.includes(pid)));
});

test('the processes of a validator end when its job is removed in the middle of a check', async (t) => {
  const field = await openField(t);
  const validate = await validator(
    field,
    'hangs.mjs',
    'export default () => new Promise((resolve) => setTimeout(resolve, 500, true));',
  );
  const { job } = await field.submit({ axes: AXES, validate });
  const worker = field.worker('a');
  const before = children();
  const [attempt] = (await worker.sync()).attempts;
  await worker.sync([ended(attempt!)], { freeSlots: 0 });
  await until(() => children().some((pid) => !before.includes(pid)));
  await field.api('PATCH', `/v1/jobs/${job}`, { action: 'remove' });
  assert.equal(field.job(job).tasks.counts().removed, 1);
  await until(() => children().every((pid) => before.includes(pid)));
});

test('results held because the validator was broken count when it is taken out of the sweep', async (t) => {
  const field = await openField(t);
  const validate = await validator(field, 'bad.mjs', 'export default () => { throw new Error() };');
  const output = join(field.root, 'out');
  const { job } = await field.submit({ axes: AXES, output, validate });
  const worker = field.worker('a');
  const [attempt] = (await worker.sync()).attempts;
  await worker.sync([ended(attempt!)], { freeSlots: 0 });
  await until(() => field.job(job).tasks.counts().held === 1);
  const again = await field.submit({ axes: AXES, output });
  assert.equal(again.job, job);
  assert.equal(field.job(job).state, 'done');
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n');
});
