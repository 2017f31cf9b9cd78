import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { keepReserve } from './disk-reserve.ts';
import { FaultWatch } from './faults.ts';
import { ended, openField, specOf } from './testing/field.ts';

test('a worker that is lost is a fault until it is back, or another of its name is', async (t) => {
  const field = await openField(t, { leaseMs: 300 });
  const watch = new FaultWatch(field.server.core, []);
  const told = () => watch.look().map((news) => [news.kind, news.fault.condition, news.fault.node]);
  const worker = field.worker('node7');
  await worker.sync();
  assert.deepEqual(told(), []);
  await until(() => field.server.core.workers.get('id-node7')?.state === 'lost');
  assert.deepEqual(told(), [['begun', 'worker lost', 'node7']]);
  assert.deepEqual(told(), []);
  await worker.sync();
  assert.deepEqual(told(), [['over', 'worker lost', 'node7']]);
});

test('a worker that was asked to end is not missed', async (t) => {
  const field = await openField(t, { leaseMs: 300 });
  const watch = new FaultWatch(field.server.core, []);
  await field.worker('node7').sync([], { draining: true });
  await until(() => field.server.core.workers.get('id-node7')?.state === 'lost');
  assert.deepEqual(watch.look(), []);
});

test('a job whose attempts mostly fail is a fault until they do not any more', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  const watch = new FaultWatch(field.server.core, []);
  const axes = [{ kind: 'range', column: 'i', from: '1', to: '60', step: '1' }] as const;
  const { job } = await field.submit({ axes: [...axes], command: specOf().command });
  const worker = field.worker('node7', 60);
  const { attempts } = await worker.sync();
  assert.equal(attempts.length, 60);
  await worker.sync(attempts.slice(0, 10).map((attempt) => ended(attempt)));
  assert.deepEqual(watch.look(), []);
  await worker.sync(attempts.slice(10, 40).map((attempt) => ended(attempt, 'exit-code')));
  const [news] = watch.look();
  assert.equal(news?.kind, 'begun');
  assert.equal(news?.fault.condition, `job ${job} failing`);
  assert.deepEqual(watch.look(), []);
  clock.advance(61_000);
  assert.deepEqual(
    watch.look().map(({ kind }) => kind),
    ['over'],
  );
  await worker.sync(attempts.slice(40).map((attempt) => ended(attempt)));
  // It has ended, and failed as a whole: thirty of sixty are not most.
  assert.deepEqual(watch.look(), []);
});

test('a job that failed before anybody could look is told all the same, for a minute', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  const watch = new FaultWatch(field.server.core, []);
  const axes = [{ kind: 'range', column: 'i', from: '1', to: '30', step: '1' }] as const;
  await field.submit({ axes: [...axes] });
  await field.worker('node7', 30).workOff(() => 'signal');
  assert.deepEqual(
    watch.look().map(({ kind }) => kind),
    ['begun'],
  );
  clock.advance(61_000);
  assert.deepEqual(
    watch.look().map(({ kind }) => kind),
    ['over'],
  );
});

test('programs that were to be stopped and run on are a fault of their machine', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock, leaseMs: 3_600_000 });
  const watch = new FaultWatch(field.server.core, []);
  const { job } = await field.submit({});
  const worker = field.worker('node7', 4);
  const { attempts } = await worker.sync();
  await field.api('PATCH', `/v1/jobs/${job}`, { action: 'remove' });
  assert.deepEqual(watch.look(), []);
  clock.advance(61_000);
  assert.deepEqual(
    watch.look().map(({ fault }) => fault.condition),
    ['unkillable'],
  );
  await worker.sync(attempts.map((attempt) => ended(attempt, 'cancelled')));
  assert.deepEqual(
    watch.look().map(({ kind }) => kind),
    ['over'],
  );
});

test('processes that SIGKILL does not end are a fault of their machine, however they came to be', async (t) => {
  const field = await openField(t);
  const watch = new FaultWatch(field.server.core, []);
  const worker = field.worker('node7');
  const figures = { cpus: 4, loadAverage: 0.5, memoryFreeBytes: 1, roundTripMs: null };
  await worker.sync([], { machine: { ...figures, unkillable: 2 } });
  assert.deepEqual(
    watch.look().map(({ fault }) => fault.condition),
    ['unkillable'],
  );
  await worker.sync([], { machine: { ...figures, unkillable: 0 } });
  assert.deepEqual(
    watch.look().map(({ kind }) => kind),
    ['over'],
  );
});

test('what a worker says of processes that nothing ends is an event of their task', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({});
  const worker = field.worker('node7');
  const [attempt] = (await worker.sync()).attempts;
  const remarks = ['SIGKILL does not end what is left of the attempt: 17 dd (state D)'];
  await worker.sync([{ ...ended(attempt!), remarks }]);
  const told = (await field.store.changesAfter(job, 0, 100)).filter(
    ({ kind }) => kind === 'remarked',
  );
  assert.deepEqual(
    told.map(({ reason, actor, ticket }) => ({ reason, actor, ticket })),
    [{ reason: remarks[0], actor: 'node7', ticket: attempt!.ticket }],
  );
});

test('a disk that is nearly full is a fault until there is room', async (t) => {
  const field = await openField(t, { diskReserveBytes: 2 ** 50 });
  const watch = new FaultWatch(field.server.core, []);
  assert.deepEqual(
    watch.look().map(({ fault }) => fault.condition),
    ['disk'],
  );
  field.server.core.diskLow = 'only 17 bytes are free';
  assert.deepEqual(watch.look(), []);
  field.server.core.diskLow = null;
  assert.deepEqual(
    watch.look().map(({ kind }) => kind),
    ['over'],
  );
});

test('a disk of the trace store that is nearly full is a fault until there is room', async (t) => {
  const field = await openField(t);
  const { core } = field.server;
  const watch = new FaultWatch(core, []);
  const look = (diskReserveBytes: number) => {
    const traces = { directory: tmpdir() };
    const stateDirectory = join(tmpdir(), 'windrow-none');
    keepReserve(core, { stateDirectory, traces, diskReserveBytes, log: () => {} });
    return watch.look().map(({ kind, fault }) => [kind, fault.condition]);
  };
  assert.deepEqual(look(2 ** 60), [['begun', 'trace disk']]);
  assert.deepEqual(look(0), [['over', 'trace disk']]);
});

test('what an earlier life of the server told of is over when it does not hold any more', async (t) => {
  const field = await openField(t);
  const watch = new FaultWatch(field.server.core, [{ condition: 'disk', node: '' }]);
  assert.deepEqual(watch.look(), [{ kind: 'over', fault: { condition: 'disk', node: '' } }]);
});

test('a machine that an earlier life missed is not well before it is heard of, or long forgotten', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  const earlier = ['node7', 'node8'].map((node) => ({ condition: 'worker lost', node }));
  const watch = new FaultWatch(field.server.core, earlier);
  assert.deepEqual(watch.look(), []);
  await field.worker('node7').sync();
  assert.deepEqual(watch.look(), [{ kind: 'over', fault: earlier[0] }]);
  clock.advance(3_600_001);
  await field.worker('node7').sync();
  assert.deepEqual(watch.look(), [{ kind: 'over', fault: earlier[1] }]);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}
