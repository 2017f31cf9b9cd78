import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '#base';
import type { GrantedAttempt } from '#wire';
import {
  ended,
  type Field,
  type FieldWorker,
  openField,
  putBlob,
  until,
  untilOver,
} from './testing/field.ts';

const ONE_ROW = [{ kind: 'values', columns: ['i'], rows: [['1']] }] as const;
const ROWS = [{ kind: 'range', column: 'i', from: '1', to: '4', step: '1' }] as const;

interface Copies {
  readonly field: Field;
  readonly job: number;
  readonly slow: FieldWorker;
  readonly fast: FieldWorker;
  /** The same task on both. */
  readonly first: GrantedAttempt;
  readonly second: GrantedAttempt;
}

/** A job whose validator says what `code` says, with one task running on two machines. */
async function openCopies(t: TestContext, code: string): Promise<Copies> {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  const path = join(field.root, 'validate.mjs');
  writeFileSync(path, code);
  const sha256 = await putBlob(field, path);
  const { job } = await field.submit({
    axes: ROWS,
    validate: { kind: 'module', path, sha256 },
    retries: 0,
  });
  const slow = field.worker('slow', 1);
  const fast = field.worker('fast', 4);
  const first = (await slow.sync()).attempts[0]!;
  await fast.sync((await fast.sync()).attempts.map((one) => ended(one)));
  await until(() => field.job(job).tasks.counts().done === 3);
  clock.advance(60_000);
  const second = (await fast.sync()).attempts[0]!;
  assert.equal(second.task, first.task);
  return { field, job, slow, fast, first, second };
}

/** Good for all rows but the first, whose check waits for the file `go`. */
const HANGS_ON_FIRST = `import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
export default async ({ i }) => {
  if (i !== '1') return true;
  const go = new URL('go', import.meta.url);
  while (!existsSync(go)) await setTimeout(5);
  return true;
};`;

test('a copy that fails does not undo the good end of the other that is being checked', async (t) => {
  const { field, job, slow, fast, first, second } = await openCopies(t, HANGS_ON_FIRST);
  await fast.sync([ended(second)], { freeSlots: 0 });
  assert.equal(field.job(job).tasks.counts().checking, 1);
  await slow.sync([ended(first, 'exit-code')], { freeSlots: 0 });
  assert.equal(field.job(job).tasks.counts().checking, 1);
  writeFileSync(join(field.root, 'go'), '');
  await until(() => field.job(job).state !== 'running');
  assert.equal(field.job(job).state, 'done');
});

test('a result that the validator refuses does not fail its task while a copy still runs', async (t) => {
  const { field, job, slow, fast, first, second } = await openCopies(
    t,
    `let times = 0;
    export default ({ i }) => i !== '1' || ++times > 1 || 'not this time';`,
  );
  await fast.sync([ended(second)], { freeSlots: 0 });
  await until(() => field.job(job).tasks.counts().checking === 0);
  const { running, failed } = field.job(job).tasks.counts();
  assert.deepEqual({ running, failed }, { running: 1, failed: 0 });
  await slow.sync([ended(first)], { freeSlots: 0 });
  await until(() => field.job(job).tasks.counts().running === 0);
  const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/${first.task}`);
  assert.equal(json.attemptList[0].cause, 'invalid-result');
  assert.equal(json.attemptList[0].ticket, second.ticket);
});

test('stragglers are copied although another job that is paused has tasks', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  const paused = await field.submit({ name: 'paused' });
  await field.api('PATCH', `/v1/jobs/${paused.job}`, { action: 'pause' });
  await field.submit({});
  const slow = field.worker('slow', 1);
  const fast = field.worker('fast', 4);
  const [straggler] = (await slow.sync()).attempts;
  await fast.sync((await fast.sync()).attempts.map((one) => ended(one)));
  clock.advance(60_000);
  const [copy] = (await fast.sync()).attempts;
  assert.equal(copy?.task, straggler!.task);
});

test('a worker that is lost while its poll waits is given nothing', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock, leaseMs: 1000 });
  const gone = field.worker('gone');
  const poll = gone.sync([], { waitMs: 20_000 });
  await until(() => field.server.core.workers.size === 1);
  clock.advance(2000);
  await untilOver(clock, () => field.server.core.workers.get('id-gone')!.state === 'lost');
  const { job } = await field.submit({ axes: ONE_ROW });
  const [attempt] = (await field.worker('other').sync([], { waitMs: 20_000 })).attempts;
  assert.equal(attempt?.job, job);
  await gone.sync([], { freeSlots: 0 });
  assert.deepEqual((await poll).attempts, []);
});

test('the late result of a lost worker is taken although its job is paused', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock, leaseMs: 1000 });
  const { job } = await field.submit({ axes: ONE_ROW });
  const silent = field.worker('silent');
  const [attempt] = (await silent.sync()).attempts;
  await field.api('PATCH', `/v1/jobs/${job}`, { action: 'pause' });
  clock.advance(2000);
  await untilOver(clock, () => field.job(job).tasks.counts().running === 0);
  await silent.sync([ended(attempt!)], { freeSlots: 0 });
  assert.equal(field.job(job).tasks.counts().done, 1);
});

test('a job whose last attempts ended while it was paused is over when it is resumed', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({ axes: ONE_ROW });
  const worker = field.worker('a');
  const [attempt] = (await worker.sync()).attempts;
  await field.api('PATCH', `/v1/jobs/${job}`, { action: 'pause' });
  await worker.sync([ended(attempt!)], { freeSlots: 0 });
  await field.api('PATCH', `/v1/jobs/${job}`, { action: 'resume' });
  assert.equal(field.job(job).state, 'done');
});

test('the end of a copy is on record although the server was restarted when its task was done', async (t) => {
  const open = await openCopies(t, 'export default () => true;');
  const { job, fast, first, second } = open;
  await fast.sync([ended(second)], { freeSlots: 0 });
  await until(() => open.field.job(job).state === 'done');
  const field = await open.field.restart();
  const again = field.worker('slow', 1);
  const { cancel } = await again.sync([], { freeSlots: 0, holding: [first.ticket] });
  assert.deepEqual(cancel, [{ ticket: first.ticket, cause: 'superseded' }]);
  await again.sync([ended(first, 'superseded')], { freeSlots: 0 });
  const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/${first.task}`);
  const causes = json.attemptList.map(({ cause }: { cause: string }) => cause);
  assert.deepEqual(causes.sort(), ['ok', 'superseded']);
  assert.equal(field.server.core.leases.size, 0);
});
