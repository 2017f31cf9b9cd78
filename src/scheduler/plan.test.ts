import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NO_ISOLATION } from '#model';
import { explain } from './explain.ts';
import { plan } from './plan.ts';
import {
  type JobView,
  NO_AMOUNTS,
  NO_DATA_SLOTS,
  NO_LACKS,
  type RunningView,
  type Snapshot,
  type WorkerView,
} from './snapshot.ts';

const job = (id: number, rest: Partial<JobView> = {}): JobView => ({
  id,
  paused: false,
  priority: 0,
  isolation: NO_ISOLATION,
  request: { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
  ready: 10,
  delayed: 0,
  running: 0,
  idempotent: true,
  medianWallMs: null,
  staging: null,
  dataSlots: NO_DATA_SLOTS,
  ...rest,
});
const worker = (id: string, rest: Partial<WorkerView> = {}): WorkerView => ({
  id,
  slots: 2,
  asksFor: 2,
  memoryBytes: 0,
  walls: null,
  diskFreeBytes: 0,
  gpus: 0,
  used: NO_AMOUNTS,
  draining: false,
  remainingMs: null,
  lacks: NO_LACKS,
  paused: false,
  ...rest,
});
const snapshot = (rest: Partial<Snapshot>): Snapshot => ({
  jobs: [],
  asking: [],
  totalSlots: 2,
  running: [],
  stopped: null,
  ...rest,
});

describe('planning', () => {
  it('gives nothing out while the server is stopped, paused, draining or empty', () => {
    const jobs = [job(1)];
    const asking = [worker('a')];
    assert.deepEqual(plan(snapshot({ jobs, asking, stopped: 'disk full' })).grants, []);
    assert.deepEqual(plan(snapshot({ jobs: [job(1, { paused: true })], asking })).grants, []);
    assert.deepEqual(
      plan(snapshot({ jobs, asking: [worker('a', { draining: true })] })).grants,
      [],
    );
    assert.deepEqual(plan(snapshot({ jobs: [job(1, { ready: 0 })], asking })).grants, []);
  });

  it('serves the higher priority first and goes on to the next job with what is left', () => {
    const jobs = [job(1), job(2, { priority: 5, ready: 1 })];
    assert.deepEqual(plan(snapshot({ jobs, asking: [worker('a')] })).grants, [
      { worker: 'a', job: 2, count: 1 },
      { worker: 'a', job: 1, count: 1 },
    ]);
  });

  it('lets a queue grow with the work that waits, and spreads the last tasks', () => {
    const asking = [worker('a', { asksFor: 200 })];
    const many = plan(snapshot({ jobs: [job(1, { ready: 100_000 })], asking, totalSlots: 20 }));
    assert.equal(many.grants[0]!.count, 200);
    const few = plan(snapshot({ jobs: [job(1, { ready: 20 })], asking, totalSlots: 20 }));
    assert.equal(few.grants[0]!.count, 2);
  });

  it('never gives more CPUs or memory than a worker has', () => {
    const request = { cpus: 2, memoryBytes: 600, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };
    const asking = [worker('a', { slots: 8, asksFor: 8, memoryBytes: 1000 })];
    const { grants } = plan(snapshot({ jobs: [job(1, { request })], asking, totalSlots: 8 }));
    assert.deepEqual(grants, [{ worker: 'a', job: 1, count: 1 }]);
  });

  it('never promises more GPUs or disk than a worker has, what it holds included', () => {
    const none = { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };
    const place = worker('a', { slots: 8, asksFor: 8, gpus: 4, diskFreeBytes: 1000 });
    const granted = (request: Partial<JobView['request']>, view = place) => {
      const jobs = [job(1, { request: { ...none, ...request } })];
      return plan(snapshot({ jobs, asking: [view], totalSlots: 8 })).grants[0]?.count ?? 0;
    };
    assert.equal(granted({ gpus: 2 }), 2);
    assert.equal(granted({ diskBytes: 300 }), 3);
    const busy = { ...place, used: { ...NO_AMOUNTS, gpus: 3, diskBytes: 500 } };
    assert.deepEqual([granted({ gpus: 2 }, busy), granted({ gpus: 1 }, busy)], [0, 1]);
    assert.equal(granted({ diskBytes: 300 }, busy), 1);
    // A worker of which the disk is not known is not refused.
    assert.equal(granted({ diskBytes: 300 }, { ...place, diskFreeBytes: 0 }), 8);
  });

  it('gives no second copy to a worker that has no memory left for it', () => {
    const running: RunningView[] = [
      { ticket: 7, job: 1, worker: 'a', runningMs: 60_000, copies: 1 },
    ];
    const request = { cpus: 1, memoryBytes: 600, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };
    const jobs = [job(1, { ready: 0, running: 1, medianWallMs: 1000, request })];
    const other = worker('b', { memoryBytes: 1000, used: { ...NO_AMOUNTS, memoryBytes: 500 } });
    assert.deepEqual(plan(snapshot({ jobs, asking: [other], running })).copies, []);
    const idle = { ...other, used: NO_AMOUNTS };
    assert.equal(plan(snapshot({ jobs, asking: [idle], running })).copies.length, 1);
  });

  it('never gives out more tasks than are ready, whatever the cluster looks like', () => {
    const anyJob = fc.record({
      ready: fc.nat(50),
      priority: fc.nat(3),
      cpus: fc.integer({ min: 1, max: 3 }),
    });
    const anyWorker = fc.record({ slots: fc.integer({ min: 1, max: 8 }), asksFor: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(anyJob), fc.array(anyWorker), (jobs, workers) => {
        const views = jobs.map(({ cpus, ...rest }, index) =>
          job(index + 1, {
            ...rest,
            request: { cpus, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
          }),
        );
        const asking = workers.map((rest, index) => worker(`w${index}`, rest));
        const { grants } = plan(snapshot({ jobs: views, asking, totalSlots: 40 }));
        for (const view of views) {
          const given = grants.filter((grant) => grant.job === view.id);
          assert.ok(given.reduce((sum, grant) => sum + grant.count, 0) <= view.ready);
        }
        for (const place of asking) {
          const given = grants.filter((grant) => grant.worker === place.id);
          assert.ok(given.reduce((sum, grant) => sum + grant.count, 0) <= place.asksFor);
        }
      }),
    );
  });

  it('copies the slowest running task to another worker only when nothing waits', () => {
    const running: RunningView[] = [
      { ticket: 7, job: 1, worker: 'a', runningMs: 60_000, copies: 1 },
    ];
    const idle = job(1, { ready: 0, running: 1, medianWallMs: 1000 });
    const both = [worker('a'), worker('b')];
    const copies = plan(snapshot({ jobs: [idle], asking: both, running })).copies;
    assert.deepEqual(copies, [{ worker: 'b', ticket: 7 }]);
    const busy = [
      idle,
      job(2, {
        request: { cpus: 64, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
      }),
    ];
    assert.deepEqual(plan(snapshot({ jobs: busy, asking: both, running })).copies, []);
    const once = [{ ...idle, idempotent: false }];
    assert.deepEqual(plan(snapshot({ jobs: once, asking: both, running })).copies, []);
  });
});

describe('explaining', () => {
  const named = (view: WorkerView) => ({ ...view, name: view.id });
  it('says what keeps a job from starting', () => {
    assert.deepEqual(explain(job(1), [], null), ['no worker is connected']);
    assert.match(explain(job(1), [named(worker('a'))], 'disk full')[0]!, /disk full/);
    const large = job(1, {
      request: { cpus: 4, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
    });
    assert.match(explain(large, [named(worker('a'))], null)[0]!, /4 CPUs and it has 2 slots/);
    const greedy = job(1, { request: { ...large.request, cpus: 1, gpus: 2, diskBytes: 2 ** 40 } });
    assert.match(explain(greedy, [named(worker('a'))], null)[0]!, /2 GPUs and it has none/);
    const small = named(worker('a', { gpus: 2, diskFreeBytes: 2 ** 30 }));
    assert.match(explain(greedy, [small], null)[0]!, /1 TiB of disk and it has 1 GiB free/);
    assert.match(explain(job(1), [named(worker('a'))], null)[0]!, /taken/);
    assert.deepEqual(explain(job(1, { paused: true }), [], null), ['the job is paused']);
    assert.deepEqual(explain(job(1, { ready: 0 }), [], null), []);
  });
});
