import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Ad, adOf, adOfValues, localAmbient, type Plain, parseExpression } from '#classad';
import { NO_ISOLATION } from '#model';
import { explain } from './explain.ts';
import { averageAfter } from './fair-share.ts';
import { Matchmaker } from './matchmaker.ts';
import { plan as planWith } from './plan.ts';
import {
  type JobView,
  NO_AMOUNTS,
  NO_DATA_SLOTS,
  NO_DECLINES,
  NO_LACKS,
  type RunningView,
  type Snapshot,
  type WorkerView,
} from './snapshot.ts';
import { whyNot } from './why.ts';

const ambient = localAmbient({ now: () => 0, random: () => 0, elapsedMs: () => performance.now() });
/** Every test begins without memory. */
const plan = (snapshot: Snapshot) => planWith(snapshot, new Matchmaker(ambient));

/** An ad of values, and of expressions as they are written. */
const ad = (expressions: Record<string, string>, values: Record<string, Plain> = {}): Ad =>
  adOf(
    Object.entries(expressions).map(([name, text]) => ({ name, value: parseExpression(text) })),
    adOfValues(values),
  );
const PLAIN = ad({ Requirements: 'true', Rank: '0.0' });

const job = (id: number, rest: Partial<JobView> = {}): JobView => ({
  id,
  job: id,
  paused: false,
  priority: 0,
  owner: 'ada',
  limits: [],
  ad: PLAIN,
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
  ad: PLAIN,
  isKnown: true,
  slots: 2,
  asksFor: 2,
  memoryBytes: 0,
  walls: null,
  diskFreeBytes: 0,
  gpus: 0,
  used: NO_AMOUNTS,
  draining: false,
  remainingMs: null,
  unkillable: 0,
  lacks: NO_LACKS,
  declines: NO_DECLINES,
  paused: false,
  ...rest,
});
const snapshot = (rest: Partial<Snapshot>): Snapshot => ({
  jobs: [],
  asking: [],
  totalSlots: 2,
  running: [],
  shares: new Map(),
  limits: new Map(),
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

  it('keeps nothing back from a worker that is alone', () => {
    const asking = [worker('a', { asksFor: 15 })];
    const { grants } = plan(snapshot({ jobs: [job(1, { ready: 20 })], asking, totalSlots: 2 }));
    assert.deepEqual(grants, [{ worker: 'a', job: 1, count: 15 }]);
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

describe('matching', () => {
  const big = worker('big', { ad: ad({ Start: 'true' }, { Memory: 64_000, Arch: 'X86_64' }) });
  const small = worker('small', { ad: ad({ Start: 'true' }, { Memory: 2000, Arch: 'X86_64' }) });
  const asking = [small, big];
  const placed = (jobs: JobView[], rest: Partial<Snapshot> = {}) =>
    plan(snapshot({ jobs, asking, totalSlots: 4, ...rest })).grants.map(
      ({ worker: at, job: of, count }) => `${of}@${at}x${count}`,
    );

  it('gives a task only to machines of which its requirements are true', () => {
    const picky = job(1, {
      ad: ad({ Requirements: 'TARGET.Memory >= RequestMemory' }, { RequestMemory: 4000 }),
    });
    assert.deepEqual(placed([picky]), ['1@bigx2']);
    for (const never of ['TARGET.Memroy > 1', 'TARGET.Arch + 1', '"true"', 'false']) {
      assert.deepEqual(placed([job(1, { ad: ad({ Requirements: never }) })]), [], never);
    }
  });

  it('lets a machine refuse jobs by its START', () => {
    const own = worker('own', {
      ad: ad({ Start: 'TARGET.Owner == "ada"', Requirements: 'Start' }),
    });
    const of = (owner: string) => job(1, { ad: ad({ Requirements: 'true' }, { Owner: owner }) });
    assert.deepEqual(placed([of('ada')], { asking: [own] }), ['1@ownx2']);
    assert.deepEqual(placed([of('bob')], { asking: [own] }), []);
  });

  it('takes the machine that a job ranks higher first', () => {
    const one = job(1, { ready: 1, ad: ad({ Requirements: 'true', Rank: 'TARGET.Memory' }) });
    assert.deepEqual(placed([one]), ['1@bigx1']);
    const other = job(1, { ready: 1, ad: ad({ Requirements: 'true', Rank: '-TARGET.Memory' }) });
    assert.deepEqual(placed([other], { asking: [big, small] }), ['1@smallx1']);
    // All slots are worth more than the best one.
    assert.deepEqual(placed([{ ...one, ready: 9 }]).sort(), ['1@bigx2', '1@smallx2']);
  });

  it('gives the room of a machine to the jobs that it ranks higher, then to the others', () => {
    const host = worker('host', {
      slots: 3,
      asksFor: 3,
      ad: ad({ Rank: 'TARGET.Project == "cms"' }),
    });
    const cms = job(2, { ready: 2, ad: ad({ Requirements: 'true' }, { Project: 'cms' }) });
    const atlas = job(1, { priority: 9, ad: ad({ Requirements: 'true' }, { Project: 'atlas' }) });
    const got = placed([atlas, cms], { asking: [host], totalSlots: 3 });
    assert.deepEqual(got.sort(), ['1@hostx1', '2@hostx2']);
  });

  it('remembers what came of a job and a kind of machine until one of them changes', () => {
    const figures = { Memory: 5000, Load: 0 };
    const matchmaker = new Matchmaker(ambient);
    const requirements = 'TARGET.Load < 1 && MY.Kind =!= "x"';
    const picky = job(1, { ready: 1, ad: ad({ Requirements: requirements }) });
    const machine = () => worker('m', { ad: adOfValues(figures) });
    const granted = () =>
      planWith(snapshot({ jobs: [picky], asking: [machine()] }), matchmaker).grants.length;
    assert.equal(granted(), 1);
    figures.Memory = 1;
    assert.equal(granted(), 1);
    figures.Load = 2;
    assert.equal(granted(), 0);
    figures.Load = 0;
    assert.equal(granted(), 1);
  });

  it('never spends more than a look on expressions, however hostile, and goes on with the next', () => {
    const heavy = `size(strcat(${Array(60).fill('Long').join(',')})) + Number < 0`;
    const long = { Long: 'x'.repeat(1000) };
    const hostile = job(1, { ad: ad({ Requirements: heavy }, long) });
    const machines = Array.from({ length: 5000 }, (_, at) =>
      worker(`m${at}`, { ad: adOfValues({ Number: at }) }),
    );
    const matchmaker = new Matchmaker(ambient);
    const kind = job(2, { owner: 'bob', ready: 1 });
    const { grants, isUnfinished } = planWith(
      snapshot({ jobs: [hostile, kind], asking: machines, totalSlots: 10_000 }),
      matchmaker,
    );
    assert.ok(isUnfinished, 'there was time for all of them');
    assert.deepEqual(
      grants.map((grant) => grant.job),
      [2],
    );
  });
});

describe('sharing', () => {
  const of = (id: number, owner: string, rest: Partial<JobView> = {}) =>
    job(id, { owner, ready: 100, ...rest });
  const counts = (jobs: JobView[], rest: Partial<Snapshot> = {}, slots = 12) => {
    const asking = [worker('a', { slots, asksFor: slots })];
    const { grants } = plan(snapshot({ jobs, asking, totalSlots: slots, ...rest }));
    return Object.fromEntries(grants.map((grant) => [grant.job, grant.count]));
  };
  const used = (averageCpus: number, weight = 1) => ({ averageCpus, weight });

  it('divides slots among owners, whatever priorities they give to their jobs', () => {
    assert.deepEqual(counts([of(1, 'ada', { priority: 9 }), of(2, 'bob')]), { 1: 6, 2: 6 });
    const three = [of(1, 'ada'), of(2, 'ada', { priority: 1 }), of(3, 'bob')];
    assert.deepEqual(counts(three), { 2: 6, 3: 6 });
  });

  it('gives less to owners who have used more, and more to those who weigh more', () => {
    const jobs = [of(1, 'ada'), of(2, 'bob')];
    const shares = new Map([
      ['ada', used(9)],
      ['bob', used(3)],
    ]);
    assert.deepEqual(counts(jobs, { shares }), { 1: 3, 2: 9 });
    const weights = new Map([
      ['ada', used(0, 2)],
      ['bob', used(0)],
    ]);
    assert.deepEqual(counts(jobs, { shares: weights }), { 1: 8, 2: 4 });
  });

  it('counts what runs already, and leaves no slot empty for the sake of fairness', () => {
    assert.deepEqual(counts([of(1, 'ada', { running: 8 }), of(2, 'bob')], {}, 4), { 2: 4 });
    assert.deepEqual(counts([of(1, 'ada', { running: 8 }), of(2, 'bob', { ready: 1 })], {}, 4), {
      1: 3,
      2: 1,
    });
  });

  it('halves what was used after a half-life', () => {
    assert.equal(averageAfter(8, 0, 1000, 1000), 4);
    assert.equal(averageAfter(0, 8, 1000, 1000), 4);
    assert.equal(
      averageAfter(averageAfter(8, 2, 300, 1000), 2, 700, 1000),
      averageAfter(8, 2, 1000, 1000),
    );
  });

  it('never takes more of a limit than there is, over all jobs and machines', () => {
    const licence = (id: number, amount: number) =>
      of(id, 'ada', { limits: [['licence', amount]] });
    const limits = new Map([['licence', { most: 10, used: 3 }]]);
    assert.deepEqual(counts([licence(1, 2), licence(2, 1)], { limits }), { 1: 3, 2: 1 });
    const full = new Map([['licence', { most: 3, used: 3 }]]);
    assert.deepEqual(counts([licence(1, 1), of(2, 'ada')], { limits: full }), { 2: 12 });
    assert.deepEqual(counts([licence(1, 1)], {}), { 1: 12 });
  });
});

describe('explaining', () => {
  const named = (view: WorkerView) => ({ ...view, name: view.id });
  const why = (view: JobView, workers: WorkerView[], stopped: string | null = null) =>
    whyNot(view, workers.map(named), { stopped, limits: new Map(), ambient });
  const told = (view: JobView, workers: WorkerView[], stopped: string | null = null) =>
    explain(why(view, workers, stopped), view.ready + view.delayed > 0 || view.paused);

  it('says what keeps a job from starting', () => {
    assert.deepEqual(told(job(1), []), ['no worker is connected']);
    assert.match(told(job(1), [worker('a')], 'disk full')[0]!, /disk full/);
    const large = job(1, {
      request: { cpus: 4, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
    });
    assert.match(told(large, [worker('a')])[0]!, /4 CPUs and it has 2 slots/);
    const kept = worker('a', { slots: 0, unkillable: 3 });
    assert.match(told(job(1), [kept])[0]!, /processes that SIGKILL does not end keep its slots/);
    const greedy = job(1, { request: { ...large.request, cpus: 1, gpus: 2, diskBytes: 2 ** 40 } });
    assert.match(told(greedy, [worker('a')])[0]!, /2 GPUs and it has none/);
    const small = worker('a', { gpus: 2, diskFreeBytes: 2 ** 30 });
    assert.match(told(greedy, [small])[0]!, /1 TiB of disk and it has 1 GiB free/);
    const full = worker('a', { used: { ...NO_AMOUNTS, cpus: 2 } });
    assert.match(told(job(1), [full])[0]!, /taken/);
    assert.deepEqual(told(job(1, { paused: true }), []), ['the job is paused']);
    assert.deepEqual(told(job(1, { ready: 0 }), []), []);
  });

  it('counts for each part of the requirements the slots that it excludes', () => {
    const picky = job(1, {
      ad: ad({
        Requirements:
          'TARGET.Memory >= 4000 && (TARGET.Arch == "X86_64" && TARGET.HasLicence) && TARGET.Cpus > 0',
      }),
    });
    const machine = (id: string, slots: number, values: Record<string, Plain>) =>
      worker(id, { slots, ad: adOfValues({ Arch: 'X86_64', Cpus: slots, ...values }) });
    const found = why(picky, [
      machine('a', 8, { Memory: 2000 }),
      machine('b', 4, { Memory: 8000 }),
      machine('c', 2, { Memory: 3000, HasLicence: true }),
    ]);
    const [memory, arch, licence, cpus] = found.conjuncts;
    assert.deepEqual([memory!.trueSlots, memory!.falseSlots, memory!.aloneSlots], [4, 10, 2]);
    assert.equal(arch!.trueSlots, 14);
    assert.deepEqual(
      [licence!.trueSlots, licence!.undefinedSlots, licence!.aloneSlots],
      [2, 12, 4],
    );
    assert.equal(licence!.part, 'TARGET.HasLicence');
    assert.equal(cpus!.trueSlots, 14);
    assert.deepEqual(found.able, { workers: 0, slots: 0, freeSlots: 0, room: 0 });
    assert.match(
      found.advice.join('\n'),
      /without TARGET.Memory >= 4000, 2 more slots would do; Memory is 2000 or 8000 or 3000/,
    );
  });

  it('says how much less would have to be asked for where machines lack that alone', () => {
    const request = { ...job(1).request, memoryBytes: 64 * 2 ** 30 };
    const large = { memoryBytes: 32 * 2 ** 30, slots: 4 };
    const found = why(job(1, { request }), [
      worker('a', large),
      worker('b', { ...large, memoryBytes: 8 * 2 ** 30 }),
      worker('c', { ...large, draining: true }),
    ]);
    assert.deepEqual(found.advice, ['asking for at most 32 GiB of memory, 8 more slots would do']);
    const both = why(job(1, { request: { ...request, gpus: 1 } }), [worker('a', large)]);
    assert.deepEqual(both.advice, []);
  });

  it('names what a misspelt attribute makes undefined, and what a START refuses', () => {
    const misspelt = job(1, { ad: ad({ Requirements: 'TARGET.Memroy > 4' }) });
    const [only] = why(misspelt, [worker('a')]).conjuncts;
    assert.equal(only!.part, 'TARGET.Memroy');
    const own = worker('a', {
      ad: ad({ Start: 'TARGET.Owner == "ada" && true', Requirements: 'Start' }),
    });
    assert.match(
      told(job(1), [own])[0]!,
      /its START does not let the job in: TARGET.Owner == "ada" is undefined, because TARGET.Owner/,
    );
  });
});

describe('placing by data', () => {
  const lacking = (bytes: number, waitedMs = 0, fetching = false) =>
    new Map([[1, { bytes, waitedMs, fetching }]]);
  const withData = (here: number, rest: Partial<JobView> = {}) =>
    job(1, { dataSlots: { here, coming: 0 }, ...rest });

  it('gives no task to a machine that lacks its inputs, and other work meanwhile', () => {
    const asking = [worker('bare', { lacks: lacking(1e9) })];
    const { grants, fetches } = plan(snapshot({ jobs: [withData(0), job(2)], asking }));
    assert.deepEqual(grants, [{ worker: 'bare', job: 2, count: 2 }]);
    assert.deepEqual(fetches, [], 'it has no room any more');
  });

  it('has the inputs of a job that nobody has brought at once', () => {
    const asking = [worker('bare', { lacks: lacking(1e12) })];
    const { grants, fetches } = plan(snapshot({ jobs: [withData(0)], asking }));
    assert.deepEqual([grants, fetches], [[], [{ worker: 'bare', job: 1 }]]);
  });

  it('waits for machines that have them, as long as getting them would take', () => {
    const has = worker('has', { used: { ...NO_AMOUNTS, cpus: 2 }, asksFor: 0 });
    const at = (bytes: number, waitedMs: number) => {
      const bare = worker('bare', { lacks: lacking(bytes, waitedMs) });
      return plan(snapshot({ jobs: [withData(2)], asking: [has, bare] }));
    };
    assert.deepEqual(at(1e8, 0).fetches, []);
    assert.equal(at(1e8, 0).lookAgainMs, 1000);
    assert.deepEqual(at(1e8, 1000).fetches, [{ worker: 'bare', job: 1 }]);
    assert.equal(at(1e15, 0).lookAgainMs, 30_000, 'never for longer');
    assert.deepEqual(at(1e15, 30_000).fetches, [{ worker: 'bare', job: 1 }]);
  });

  it('brings them to no more machines than there are tasks for', () => {
    const asking = ['a', 'b', 'c'].map((id) => worker(id, { lacks: lacking(1e6) }));
    const { fetches } = plan(snapshot({ jobs: [withData(0, { ready: 3 })], asking }));
    assert.deepEqual(
      fetches.map((one) => one.worker),
      ['a', 'b'],
    );
    const told = [worker('a', { lacks: lacking(1e6, 5000, true) })];
    assert.deepEqual(plan(snapshot({ jobs: [withData(0)], asking: told })).fetches, []);
  });

  it('hands nothing out while the server itself lacks inputs, and says so', () => {
    const staging = 'its inputs are being fetched: 1 of 2 are here';
    const jobs = [job(1, { staging })];
    const asking = [worker('a')];
    assert.deepEqual(plan(snapshot({ jobs, asking })).grants, []);
    const named = asking.map((one) => ({ ...one, name: one.id }));
    const why = whyNot(jobs[0]!, named, { stopped: null, limits: new Map(), ambient });
    assert.deepEqual(explain(why, true), [staging]);
    const bare = [{ ...worker('a', { lacks: lacking(2 ** 20, 0, true) }), name: 'a' }];
    const lack = whyNot(withData(0), bare, { stopped: null, limits: new Map(), ambient });
    assert.deepEqual(explain(lack, true), ['worker a: it is fetching inputs of the job (1 MiB)']);
  });
});
