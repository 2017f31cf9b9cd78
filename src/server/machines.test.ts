import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { ended, openField, TOKEN, until, untilOver } from './testing/field.ts';

const MANY = [{ kind: 'range', column: 'i', from: '1', to: '50', step: '1' }] as const;
const request = (timeMs: number) => ({
  cpus: 1,
  memoryBytes: 0,
  diskBytes: 0,
  processes: 0,
  gpus: 0,
  timeMs,
});

test('a paused machine works again at once when it is the last one left', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock, leaseMs: 60_000 });
  await field.submit({ axes: MANY });
  const good = field.worker('good', 1);
  const bad = field.worker('bad', 1);
  await good.sync();
  for (let i = 0; i < 3; i++) {
    const [attempt] = (await bad.sync()).attempts;
    await bad.sync([ended(attempt!, 'launch')], { freeSlots: 0 });
  }
  const stateOf = (name: string) => field.server.core.workers.get(`id-${name}`)!.state;
  assert.equal(stateOf('bad'), 'paused');
  await good.sync([], { draining: true, freeSlots: 0 });
  await until(() => stateOf('bad') === 'active');
  const { json } = await field.api('GET', '/v1/workers');
  const view = json.workers.find(({ name }: { name: string }) => name === 'bad');
  assert.equal(view.reason, 'no other worker is left');
});

test('a pause by the server is lifted by command, and a later failure begins a short one', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  await field.submit({ axes: MANY });
  await field.worker('good', 1).sync();
  const bad = field.worker('bad', 1);
  const fail = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const [attempt] = (await bad.sync()).attempts;
      await bad.sync([ended(attempt!, 'launch')], { freeSlots: 0 });
    }
  };
  await fail(3);
  assert.deepEqual((await bad.sync()).attempts, []);
  const action = { action: 'resume', reason: 'a new disk' };
  const { json } = await field.api('PATCH', '/v1/workers/bad', action);
  assert.deepEqual([json.state, json.reason, json.actor], ['active', 'a new disk', 'user']);
  await fail(2);
  assert.equal(field.server.core.workers.get('id-bad')!.state, 'active');
  await fail(1);
  assert.match(field.server.core.workers.get('id-bad')!.stateReason, /tried again in 10 s/);
});

test('a worker that was lost comes back as it was told to be', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock, leaseMs: 1000 });
  await field.submit({ axes: MANY });
  const worker = field.worker('node7', 1);
  await worker.sync([], { freeSlots: 0 });
  const view = async () => {
    const { json } = await field.api('GET', '/v1/workers');
    const { state, reason, actor, changedAtMs } = json.workers[0];
    return { state, reason, actor, changedAtMs };
  };
  for (const [action, state] of [
    ['pause', 'paused'],
    ['drain', 'draining'],
  ] as const) {
    await field.api('PATCH', '/v1/workers/node7', { action, reason: 'bad disk' });
    const told = await view();
    assert.equal(told.state, state);
    clock.advance(2000);
    await untilOver(clock, () => field.server.core.workers.get('id-node7')!.state === 'lost');
    assert.deepEqual((await worker.sync()).attempts, []);
    assert.deepEqual(await view(), told);
  }
  await field.api('PATCH', '/v1/workers/node7', { action: 'resume' });
  clock.advance(2000);
  await untilOver(clock, () => field.server.core.workers.get('id-node7')!.state === 'lost');
  assert.equal((await worker.sync()).attempts.length, 1);
  assert.equal((await view()).reason, 'it came back');
});

test('a pause by the server lasts its time, also when its worker is lost meanwhile', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock, leaseMs: 1000 });
  await field.submit({ axes: MANY });
  const good = field.worker('good', 1);
  const bad = field.worker('bad', 1);
  await good.sync([], { freeSlots: 0, awayMs: 3_600_000 });
  for (let i = 0; i < 3; i++) {
    const [attempt] = (await bad.sync()).attempts;
    await bad.sync([ended(attempt!, 'launch')], { freeSlots: 0 });
    clock.advance(500);
  }
  const worker = () => field.server.core.workers.get('id-bad')!;
  assert.equal(worker().state, 'paused');
  clock.advance(2000);
  await untilOver(clock, () => worker().state === 'lost');
  assert.deepEqual((await bad.sync()).attempts, []);
  assert.equal(worker().state, 'paused');
  assert.match(worker().stateReason, /^3 failures of the machine in a row; tried again in [1-7]/);
  clock.advance(800);
  await bad.sync([], { freeSlots: 0 });
  assert.equal(worker().state, 'paused');
  clock.advance(7000);
  await until(() => worker().state !== 'paused');
  assert.equal((await bad.sync()).attempts.length, 1);
});

test('tasks that say how long they take go where they can end in time', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  const long = await field.submit({ name: 'long', request: request(600_000) });
  const brief = field.worker('brief', 2);
  assert.deepEqual((await brief.sync([], { remainingMs: 300_000 })).attempts, []);
  const reasonsOf = async () => {
    const { json } = await field.api('GET', `/v1/jobs/${long.job}`);
    return json.waiting.map(({ reason }: { reason: string }) => reason);
  };
  assert.deepEqual(await reasonsOf(), [
    'worker brief: a task of the job takes up to 10 min and it ends in 5 min',
  ]);
  clock.advance(60_000);
  assert.match((await reasonsOf())[0], /ends in 4 min/);
  const { json: task } = await field.api('GET', `/v1/jobs/${long.job}/tasks/0`);
  assert.match(task.waiting, /takes up to 10 min/);
  await field.submit({ name: 'short', request: request(60_000) });
  const given = (await brief.sync([], { remainingMs: 240_000 })).attempts;
  assert.deepEqual(
    given.map(({ job }) => job),
    [2, 2],
  );
  const lasting = await field.worker('lasting', 1).sync();
  assert.equal(lasting.attempts[0]!.job, long.job);
});

test('no more is queued at a worker than it can end in its time', async (t) => {
  const field = await openField(t);
  await field.submit({ axes: MANY, request: request(60_000) });
  const worker = field.worker('brief', 2);
  const { attempts } = await worker.sync([], { remainingMs: 200_000, freeSlots: 40 });
  assert.equal(attempts.length, 6);
});

test('what a worker gives back at the end of its time uses no retry', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({
    axes: [{ kind: 'values', columns: ['i'], rows: [['1']] }],
    retries: 0,
  });
  const brief = field.worker('brief', 1);
  const [attempt] = (await brief.sync([], { remainingMs: 1000 })).attempts;
  const reason = 'The time of its worker was over.';
  await brief.sync([ended(attempt!, 'cancelled', { reason })], { draining: true, freeSlots: 0 });
  assert.equal(field.job(job).tasks.counts().waiting, 1);
  const [again] = (await field.worker('next', 1).sync()).attempts;
  assert.equal(again!.number, 2);
  const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/0`);
  assert.deepEqual([json.attemptList[0].cause, json.attemptList[0].reason], ['cancelled', reason]);
});

test('the list of workers says who did what, how loaded and how far away they are', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  await field.submit({});
  const worker = field.worker('node "1" \\', 2);
  const machine = {
    cpus: 8,
    loadAverage: 3.5,
    memoryFreeBytes: 1e9,
    roundTripMs: 0.25,
    unkillable: 0,
  };
  const attempts = (await worker.sync()).attempts;
  clock.advance(100);
  await worker.sync([ended(attempts[0]!), ended(attempts[1]!, 'exit-code')], {
    machine,
    memoryBytes: 4e9,
    diskFreeBytes: 5e9,
    remainingMs: 60_000,
    freeSlots: 0,
  });
  clock.advance(50);
  const { json } = await field.api('GET', '/v1/workers');
  const { changedAtMs, lastHeardAtMs, ...view } = json.workers[0];
  assert.deepEqual(view, {
    worker: 'id-node "1" \\',
    name: 'node "1" \\',
    platform: 'linux-x64',
    version: '0.0.0-test',
    address: '127.0.0.1',
    state: 'active',
    reason: 'it connected',
    actor: 'worker',
    slots: 2,
    busySlots: 0,
    cpus: 8,
    loadAverage: 3.5,
    memoryBytes: 4e9,
    memoryFreeBytes: 1e9,
    diskFreeBytes: 5e9,
    gpus: 0,
    busyGpus: 0,
    roundTripMs: 0.25,
    connectedAtMs: clock.now() - 150,
    silentMs: 50,
    leaseMs: 60_000,
    endsInMs: 59_950,
    done: 1,
    failed: 1,
    busyMs: 20,
    cpuMs: 12,
    busyShare: 20 / 300,
  });
  assert.deepEqual([changedAtMs, lastHeardAtMs], [clock.now() - 150, clock.now() - 50]);
  const answer = await fetch(`${field.url}/metrics`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const metrics = await answer.text();
  const labels = '{worker="node \\"1\\" \\\\",id="id-node \\"1\\" \\\\"}';
  for (const sample of [
    `windrow_worker_done_total${labels} 1`,
    `windrow_worker_load${labels} 3.5`,
    `windrow_worker_round_trip_seconds${labels} 0.00025`,
    `windrow_worker_cpu_seconds_total${labels} 0.012`,
  ]) {
    assert.ok(metrics.split('\n').includes(sample), sample);
  }
});
