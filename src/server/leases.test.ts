import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Worker as Thread } from 'node:worker_threads';
import { ManualClock } from '#base';
import { ended, type Field, openField, SESSION, until, untilOver } from './testing/field.ts';

const ONE_ROW = [{ kind: 'values', columns: ['i'], rows: [['1']] }] as const;
const CORE = (field: Field, name: string) => field.server.core.workers.get(`id-${name}`)!;

/** Stops this very thread, the server's, dead. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function renewal(worker: string): string {
  const body = JSON.stringify({ worker });
  return (
    `POST /renew HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${SESSION}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

async function connected(t: TestContext, url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('data', () => {});
  await once(socket, 'connect');
  return socket;
}

test('a renewal that lies in the socket is read before its worker is judged', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock, leaseMs: 1000 });
  await field.submit({ axes: ONE_ROW });
  await field.worker('late').sync();
  await field.worker('silent').sync([], { freeSlots: 0 });
  const socket = await connected(t, field.url);
  await new Promise<void>((resolve) => {
    // After this phase of the loop come its timers, and only then its sockets.
    setImmediate(() => {
      socket.write(renewal('id-late'));
      clock.advance(2000);
      stall(300);
      resolve();
    });
  });
  await untilOver(clock, () => CORE(field, 'silent').state === 'lost');
  assert.equal(CORE(field, 'late').state, 'active');
  assert.equal(field.server.core.leases.size, 1);
});

/** Renews from a thread, as a worker's pulse does, whatever the server's thread is doing. */
const PULSE = `
  const { workerData: { url, session, worker } } = require('node:worker_threads');
  const renew = () => fetch(url + '/renew', {
    method: 'POST',
    headers: { authorization: 'Bearer ' + session, 'content-type': 'application/json' },
    body: JSON.stringify({ worker }),
  }).catch(() => {});
  setInterval(renew, 250);
`;

test('a server that was busy for longer than a lease loses nobody but the silent', async (t) => {
  const field = await openField(t, { leaseMs: 1000 });
  await field.submit({ axes: ONE_ROW });
  await field.worker('alive').sync();
  const workerData = { url: field.url, session: SESSION, worker: 'id-alive' };
  const pulse = new Thread(PULSE, { eval: true, workerData });
  t.after(() => pulse.terminate());
  await once(pulse, 'online');
  const heardMs = CORE(field, 'alive').lastHeardMs;
  await until(() => CORE(field, 'alive').lastHeardMs > heardMs);
  for (let round = 0; round < 3; round++) {
    await field.worker('silent').sync([], { sequence: round + 1, freeSlots: 0 });
    stall(1500);
    await until(() => CORE(field, 'silent').state === 'lost');
    assert.equal(CORE(field, 'alive').state, 'active');
  }
  const { json } = await field.api('GET', '/v1/workers');
  const alive = json.workers.find(({ name }: { name: string }) => name === 'alive');
  assert.equal(alive.reason, 'it connected');
});

test('a worker whose renewals stay away is given nothing until one comes', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock, leaseMs: 10_000 });
  const quiet = field.worker('quiet', 1);
  const poll = quiet.sync([], { waitMs: 20_000 });
  await until(() => field.server.core.workers.size === 1);
  clock.advance(6000);
  await field.submit({ axes: [{ kind: 'range', column: 'i', from: '1', to: '2', step: '1' }] });
  const other = field.worker('other', 1);
  assert.equal((await other.sync([], { waitMs: 20_000 })).attempts[0]?.task, 0);
  assert.equal(field.server.core.leases.size, 1);
  await quiet.post('/renew', { worker: 'id-quiet' });
  assert.equal((await poll).attempts[0]?.task, 1);
});

test('a worker that may be away for long keeps its tasks, also over a restart of the server', async (t) => {
  const clock = new ManualClock();
  let field = await openField(t, { clock, leaseMs: 1000 });
  const { job } = await field.submit({});
  const laptop = field.worker('laptop', 1);
  const [attempt] = (await laptop.sync([], { awayMs: 3_600_000 })).attempts;
  await field.worker('desk', 1).sync();
  clock.advance(1_800_000);
  await untilOver(clock, () => CORE(field, 'desk').state === 'lost');
  assert.equal(CORE(field, 'laptop').state, 'active');
  field = await field.restart();
  clock.advance(1_800_000);
  const back = field.worker('laptop', 1);
  await back.sync([ended(attempt!)], { awayMs: 3_600_000, freeSlots: 0, sequence: 9 });
  assert.equal(field.job(job).tasks.counts().done, 1);
  clock.advance(3_700_000);
  await untilOver(clock, () => CORE(field, 'laptop').state === 'lost');
});

test('a worker that was lost before the server started again still brings its result', async (t) => {
  const clock = new ManualClock();
  let field = await openField(t, { clock, leaseMs: 1000 });
  const { job } = await field.submit({});
  const silent = field.worker('silent');
  const held = (await silent.sync()).attempts;
  clock.advance(2000);
  await untilOver(clock, () => field.job(job).tasks.counts().running === 0);
  const [again] = (await field.worker('other', 1).sync()).attempts;
  assert.equal(again!.task, held[0]!.task);
  field = await field.restart();
  const back = field.worker('silent');
  for (const { ticket } of held) back.holding.add(ticket);
  await back.sync([ended(held[0]!)], { freeSlots: 0 });
  const { done, running } = field.job(job).tasks.counts();
  assert.deepEqual({ done, running }, { done: 1, running: 1 });
  const other = field.worker('other', 1);
  other.holding.add(again!.ticket);
  const { cancel } = await other.sync([], { freeSlots: 0 });
  assert.deepEqual(cancel, [{ ticket: again!.ticket, cause: 'superseded' }]);
  await back.sync([ended(held[1]!)], { freeSlots: 0 });
  assert.equal(field.job(job).tasks.counts().done, 2);
  const { json } = await field.api('GET', `/v1/jobs/${job}/stats`);
  assert.equal(json.causes['worker-lost'], undefined);
  const mine = json.workers.find(({ worker }: { worker: string }) => worker === 'silent');
  assert.deepEqual([mine.done, mine.attempts, mine.busyMs], [2, 2, 20]);
});

test('a link that is cut ten times and more neither holds a task nor ends its program', async (t) => {
  const clock = new ManualClock();
  let field = await openField(t, { clock, leaseMs: 1000 });
  const { job } = await field.submit({ axes: ONE_ROW });
  let laptop = field.worker('laptop', 1);
  const [attempt] = (await laptop.sync()).attempts;
  for (let cut = 1; cut <= 12; cut++) {
    clock.advance(2000);
    await untilOver(clock, () => CORE(field, 'laptop').state === 'lost');
    if (cut === 6) {
      field = await field.restart();
      laptop = field.worker('laptop', 1);
      laptop.holding.add(attempt!.ticket);
    }
    assert.deepEqual((await laptop.sync()).cancel, [], `cut ${cut}`);
    assert.equal(field.job(job).tasks.counts().running, 1);
    const note = await field.store.note(job, 0);
    assert.equal(note?.failures['worker-lost'], 0);
  }
  await laptop.sync([ended(attempt!)], { freeSlots: 0 });
  assert.equal(field.job(job).tasks.counts().done, 1);
});

test('no clock of a worker is compared with ours: its times arrive as moments of this machine', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  const { job } = await field.submit({
    axes: [{ kind: 'range', column: 'i', from: '1', to: '3', step: '1' }],
  });
  // Ten years ahead, at the beginning of the epoch, and a clock that is set back while it runs.
  for (const aheadMs of [315_360_000_000, 6000 - clock.now()]) {
    const worker = field.worker(`skew${aheadMs}`, 1);
    const [attempt] = (await worker.sync()).attempts;
    clock.advance(5000);
    const atMs = clock.now() + aheadMs;
    const times = { startedAtMs: atMs - 4000, endedAtMs: atMs - 1000 };
    await worker.sync([ended(attempt!, 'ok', times)], { freeSlots: 0, atMs });
    const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/${attempt!.task}`);
    const [seen] = json.attemptList;
    assert.deepEqual([seen.startedAtMs, seen.endedAtMs], [clock.now() - 4000, clock.now() - 1000]);
  }
  const odd = field.worker('odd', 1);
  const [attempt] = (await odd.sync()).attempts;
  const grantedAtMs = clock.now();
  clock.advance(1000);
  const times = { startedAtMs: 9000, endedAtMs: 4000 };
  await odd.sync([ended(attempt!, 'ok', times)], { freeSlots: 0, atMs: 100 });
  const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/${attempt!.task}`);
  const [seen] = json.attemptList;
  assert.ok(seen.startedAtMs >= grantedAtMs && seen.endedAtMs >= seen.startedAtMs);
  assert.ok(seen.endedAtMs <= clock.now());
});

test('setting the clock of the server loses nobody, copies nothing and delays nothing', async (t) => {
  const real = new ManualClock();
  let setMs = 0;
  const clock = { now: () => real.now() + setMs, monotonic: () => real.monotonic() };
  const field = await openField(t, { clock, leaseMs: 10_000 });
  const { job } = await field.submit({});
  const slow = field.worker('slow', 1);
  const fast = field.worker('fast', 3);
  const [held] = (await slow.sync()).attempts;
  await fast.sync((await fast.sync()).attempts.map((one) => ended(one)));
  setMs = 86_400_000;
  assert.deepEqual((await fast.sync()).attempts, []);
  setMs = -86_400_000;
  await slow.sync([ended(held!, 'stage-in')], { freeSlots: 0 });
  real.advance(1000);
  assert.equal((await fast.sync()).attempts[0]?.task, held!.task);
  assert.equal(field.job(job).tasks.counts().running, 1);
  assert.equal(CORE(field, 'slow').state, 'active');
});

test('time in which the server itself did not run is nobody’s silence', async (t) => {
  const field = await openField(t, { leaseMs: 1000 });
  await field.submit({ axes: ONE_ROW });
  const asleep = field.worker('asleep');
  await asleep.sync();
  // A machine that was suspended wakes with both of them: nothing lies in the sockets.
  stall(1500);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal((await asleep.post('/renew', { worker: 'id-asleep' })).status, 204);
  assert.equal(field.server.core.leases.size, 1);
});
