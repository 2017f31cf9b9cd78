import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { ended, openField, until, untilOver } from './testing/field.ts';

test('a sweep is handed out, ended, collected in table order, and its job is done', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const { job } = await field.submit({ output });
  const worker = field.worker('a');
  const first = await worker.sync();
  assert.deepEqual(
    first.attempts.map(({ task, number, cells }) => [task, number, cells]),
    [
      [0, 1, ['1']],
      [1, 1, ['2']],
    ],
  );
  assert.equal(first.jobs[0]!.command.kind, 'argv');
  const second = await worker.sync([...first.attempts].reverse().map((one) => ended(one)));
  await worker.sync(second.attempts.map((one) => ended(one)));
  await field.server.settled();
  assert.equal(field.job(job).state, 'done');
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n2\n3\n4\n');
});

test('a second or foreign answer to a ticket changes nothing', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({});
  const worker = field.worker('a');
  const [one] = (await worker.sync()).attempts;
  await field.worker('thief').sync([ended(one!)], { freeSlots: 0 });
  assert.equal(field.job(job).tasks.counts().done, 0);
  await worker.sync([ended(one!)], { freeSlots: 0 });
  await worker.sync([ended(one!, 'exit-code')], { freeSlots: 0 });
  assert.equal(field.job(job).tasks.counts().done, 1);
  const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/0`);
  assert.deepEqual(
    json.attemptList.map((attempt: { cause: string }) => attempt.cause),
    ['ok'],
  );
});

test('attempts whose answer was lost go back at the next sync, without using a budget', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({});
  const worker = field.worker('a');
  const lost = await worker.sync();
  worker.holding.clear();
  const again = await worker.sync();
  assert.deepEqual(
    again.attempts.map(({ task, number }) => [task, number]),
    lost.attempts.map(({ task, number }) => [task, number]),
  );
  assert.notEqual(again.attempts[0]!.ticket, lost.attempts[0]!.ticket);
  await worker.sync(
    lost.attempts.map((one) => ended(one)),
    { freeSlots: 0 },
  );
  assert.equal(field.job(job).tasks.counts().done, 0);
});

test('a sync that a later one overtook gives nothing back and gets nothing', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({});
  const worker = field.worker('a');
  await worker.sync([], { freeSlots: 0 });
  const { attempts } = await worker.sync();
  const late = await worker.sync([], { sequence: 1, holding: [], freeSlots: 2 });
  assert.deepEqual(late.attempts, []);
  assert.equal(field.job(job).tasks.counts().running, 2);
  await worker.sync(
    attempts.map((one) => ended(one)),
    { freeSlots: 0 },
  );
  assert.equal(field.job(job).tasks.counts().done, 2);
});

test('failures draw on the budget of their cause, then the task fails and says why', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({
    axes: [{ kind: 'values', columns: ['i'], rows: [['1']] }],
    retries: 1,
    retryByCause: { timeout: 2 },
  });
  const worker = field.worker('a', 1);
  const causes = ['timeout', 'exit-code', 'timeout', 'signal'] as const;
  for (const [index, cause] of causes.entries()) {
    const [attempt] = (await worker.sync()).attempts;
    assert.equal(attempt!.number, index + 1, cause);
    await worker.sync([ended(attempt!, cause)], { freeSlots: 0 });
  }
  assert.equal(field.job(job).state, 'failed');
  const { json: task } = await field.api('GET', `/v1/jobs/${job}/tasks/0`);
  assert.equal(task.state, 'failed');
  assert.match(task.reason, /its one retry is used for signal/);
  const { json: stats } = await field.api('GET', `/v1/jobs/${job}/stats`);
  assert.deepEqual(stats.causes, { timeout: 2, 'exit-code': 1, signal: 1 });
  assert.equal(stats.failures.length, 1);
  assert.equal(stats.failures[0].signature, 'signal SIGSEGV: bad row #');
  assert.deepEqual(stats.failures[0].example.parameters, { i: '1' });
  const { json: retried } = await field.api('POST', `/v1/jobs/${job}/retry`, {});
  assert.equal(retried.retried, 1);
  const [attempt] = (await worker.sync()).attempts;
  assert.equal(attempt!.number, 5);
  await worker.sync([ended(attempt!)]);
  assert.equal(field.job(job).state, 'done');
  const after = await field.api('GET', `/v1/jobs/${job}/stats`);
  assert.deepEqual(after.json.failures, []);
});

test('a silent worker is lost: its tasks go elsewhere, and its late result is taken if still wanted', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock, leaseMs: 1000 });
  const { job } = await field.submit({});
  const silent = field.worker('silent');
  const held = (await silent.sync()).attempts;
  clock.advance(500);
  assert.equal((await silent.post('/renew', { worker: 'id-silent' })).status, 204);
  clock.advance(900);
  await until(() => field.job(job).tasks.counts().running === 2);
  clock.advance(200);
  await untilOver(clock, () => field.job(job).tasks.counts().running === 0);
  const other = field.worker('other');
  const retried = (await other.sync()).attempts;
  assert.deepEqual(
    retried.map(({ task, number }) => [task, number]),
    [
      [0, 2],
      [1, 2],
    ],
  );
  // The first result wins, whoever brings it; the other copy is told to stop.
  await silent.sync([ended(held[0]!)], { freeSlots: 0 });
  assert.equal(field.job(job).tasks.counts().done, 1);
  const told = await other.sync([], { freeSlots: 0 });
  assert.deepEqual(told.cancel, [{ ticket: retried[0]!.ticket, cause: 'superseded' }]);
  await other.sync([ended(retried[0]!, 'superseded'), ended(retried[1]!)], { freeSlots: 0 });
  const late = await silent.sync([ended(held[1]!)], { freeSlots: 0 });
  assert.deepEqual(late.cancel, []);
  assert.equal(field.job(job).tasks.counts().done, 2);
  const causes = async (task: number) => {
    const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/${task}`);
    return json.attemptList.map((attempt: { cause: string; worker: string }) => [
      attempt.worker,
      attempt.cause,
    ]);
  };
  assert.deepEqual(await causes(0), [
    ['silent', 'ok'],
    ['other', 'superseded'],
  ]);
  // It was heard of again while it still ran this one, so it was one of two copies from then on.
  assert.deepEqual(await causes(1), [
    ['other', 'ok'],
    ['silent', 'superseded'],
  ]);
});

test('a dead worker is replaced at once by the process that has its directory', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({});
  await field.worker('dead').sync();
  const next = field.worker('next');
  const answer = await next.sync([], { replaces: 'id-dead' });
  assert.deepEqual(
    answer.attempts.map(({ task, number }) => [task, number]),
    [
      [0, 2],
      [1, 2],
    ],
  );
  const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/0`);
  assert.equal(json.attemptList[0].cause, 'worker-lost');
});

test('after a restart the attempts in flight are current, and nothing ended is given out again', async (t) => {
  let field = await openField(t);
  const { job } = await field.submit({ retries: 1 });
  const worker = field.worker('a');
  const held = (await worker.sync()).attempts;
  await worker.sync([ended(held[0]!)], { freeSlots: 0 });
  field = await field.restart();
  assert.deepEqual(field.job(job).tasks.counts().done, 1);
  assert.deepEqual(field.job(job).tasks.counts().running, 1);
  const back = field.worker('a');
  back.holding.add(held[1]!.ticket);
  const answer = await back.sync([ended(held[0]!), ended(held[1]!)]);
  assert.deepEqual(
    answer.attempts.map(({ task }) => task),
    [2, 3],
  );
  await back.sync(answer.attempts.map((one) => ended(one)));
  assert.equal(field.job(job).state, 'done');
  const { json: stats } = await field.api('GET', `/v1/jobs/${job}/stats`);
  assert.deepEqual(stats.causes, { ok: 4 });
  assert.ok(answer.attempts[0]!.ticket > held[1]!.ticket);
});

test('a straggler is copied to another worker when nothing waits, and the first result wins', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  const { job } = await field.submit({});
  const slow = field.worker('slow', 1);
  const fast = field.worker('fast', 4);
  const [straggler] = (await slow.sync()).attempts;
  const rest = (await fast.sync()).attempts;
  await fast.sync(rest.map((one) => ended(one)));
  clock.advance(2900);
  assert.deepEqual((await fast.sync()).attempts, []);
  clock.advance(200);
  const [copy] = (await fast.sync()).attempts;
  assert.equal(copy!.task, straggler!.task);
  assert.equal(copy!.number, 2);
  await fast.sync([ended(copy!)]);
  assert.equal(field.job(job).state, 'done');
  const told = await slow.sync([], { freeSlots: 0 });
  assert.deepEqual(told.cancel, [{ ticket: straggler!.ticket, cause: 'superseded' }]);
});

test('jobs that are not idempotent are never copied', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  await field.submit({ idempotent: false });
  await field.worker('slow', 1).sync();
  const fast = field.worker('fast', 4);
  await fast.sync((await fast.sync()).attempts.map((one) => ended(one)));
  clock.advance(60_000);
  assert.deepEqual((await fast.sync()).attempts, []);
});

test('a machine whose attempts fail in a row is paused for a while, but never the last one', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  await field.submit({ axes: [{ kind: 'range', column: 'i', from: '1', to: '50', step: '1' }] });
  const bad = field.worker('bad', 1);
  const fail = async (): Promise<void> => {
    const [attempt] = (await bad.sync()).attempts;
    await bad.sync([ended(attempt!, 'stage-in')], { freeSlots: 0 });
  };
  for (let i = 0; i < 4; i++) await fail();
  assert.equal((await bad.sync([], { freeSlots: 0 })).attempts.length, 0);
  const { json: alone } = await field.api('GET', '/v1/workers');
  assert.equal(alone.workers[0].state, 'active');
  await field.worker('good', 1).sync();
  await fail();
  const { json } = await field.api('GET', '/v1/workers');
  const view = json.workers.find((worker: { name: string }) => worker.name === 'bad');
  assert.equal(view.state, 'paused');
  assert.match(view.reason, /5 failures of the machine in a row \(last: stage-in/);
  assert.deepEqual((await bad.sync()).attempts, []);
  clock.advance(60_000);
  await until(async () => (await bad.sync()).attempts.length === 1);
});

test('a paused job gives nothing out, a removed one stops what runs', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({});
  const worker = field.worker('a', 1);
  const [attempt] = (await worker.sync()).attempts;
  await field.api('PATCH', `/v1/jobs/${job}`, { action: 'pause', reason: 'lunch' });
  await worker.sync([ended(attempt!)]);
  assert.equal(worker.holding.size, 0);
  const { json } = await field.api('GET', `/v1/jobs/${job}`);
  assert.equal(json.state, 'paused');
  assert.equal(json.reason, 'lunch');
  assert.deepEqual(
    json.waiting.map((why: { reason: string }) => why.reason),
    ['the job is paused'],
  );
  await field.api('PATCH', `/v1/jobs/${job}`, { action: 'resume' });
  const [next] = (await worker.sync()).attempts;
  await field.api('PATCH', `/v1/jobs/${job}`, { action: 'remove' });
  const told = await worker.sync([], { freeSlots: 0 });
  assert.deepEqual(told.cancel, [{ ticket: next!.ticket, cause: 'cancelled' }]);
  await worker.sync([ended(next!, 'cancelled')]);
  const counts = field.job(job).tasks.counts();
  assert.deepEqual([counts.done, counts.removed, counts.running], [1, 3, 0]);
});

test('a worker that waits gets work as soon as there is some', async (t) => {
  const field = await openField(t);
  const worker = field.worker('a');
  const waiting = worker.sync([], { waitMs: 20_000 });
  await until(() => field.server.core.workers.size === 1);
  await field.submit({});
  assert.equal((await waiting).attempts.length, 2);
});

test('a worker is found by its name although one of that name is lost', async (t) => {
  const field = await openField(t);
  await field.worker('pc').sync();
  await field.worker('pc').sync([], { worker: 'id-next', replaces: 'id-pc' });
  const { json } = await field.api('PATCH', '/v1/workers/pc', {
    action: 'pause',
    reason: 'new fan',
  });
  assert.deepEqual([json.worker, json.state, json.reason], ['id-next', 'paused', 'new fan']);
});
