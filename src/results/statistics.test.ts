import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AttemptRecord, CAUSES, LEVELS, type NetworkBytes, usageOf } from '#model';
import { Percentiles } from './percentiles.ts';
import { signatureOf } from './signature.ts';
import { efficiencyOf, JobStatistics } from './statistics.ts';

interface Figures {
  readonly wallMs?: number;
  readonly cpuMs?: number | null;
  readonly network?: NetworkBytes | null;
}

function attempt(change: Partial<AttemptRecord> & Figures = {}) {
  const { wallMs = 100, cpuMs = 50, network, ...rest } = change;
  const figures = { cpuUserMs: cpuMs, memoryPeakBytes: 1000 };
  const usage = usageOf(wallMs, { source: 'rusage', figures, ...(network && { network }) });
  const record: AttemptRecord = {
    inputs: [],
    ticket: 1,
    job: 1,
    task: 0,
    number: 1,
    worker: 'a',
    cause: 'ok',
    exitCode: 0,
    signal: null,
    reason: '',
    startedAtMs: 0,
    endedAtMs: 1,
    signature: '',
    place: null,
    walls: null,
    next: 'done',
    asked: null,
    reusedFrom: null,
    usage,
  };
  return { ...record, ...rest };
}

test('percentiles of any times are within one percent of a sorted list', () => {
  const times = fc.array(fc.double({ min: 0.01, max: 1e9, noNaN: true }), {
    minLength: 1,
    maxLength: 300,
  });
  fc.assert(
    fc.property(times, (all) => {
      const percentiles = new Percentiles();
      for (const ms of all) percentiles.add(ms);
      const sorted = all.toSorted((a, b) => a - b);
      const fractions = [0, 0.1, 0.5, 0.9, 0.99, 1];
      for (const [i, estimate] of percentiles.quantiles(fractions).entries()) {
        const exact = sorted[Math.max(0, Math.ceil(fractions[i]! * sorted.length) - 1)]!;
        assert.ok(Math.abs(estimate - exact) <= 0.0101 * exact, `${estimate} for ${exact}`);
      }
      assert.equal(percentiles.summary()!.maxMs, sorted.at(-1));
    }),
  );
});

test('times that cannot be are zero, and no time at all has no percentiles', () => {
  const percentiles = new Percentiles();
  assert.equal(percentiles.summary(), null);
  for (const ms of [-5, Number.NaN, 0, 1e300]) percentiles.add(ms);
  const { count, minMs, p50Ms, maxMs } = percentiles.summary()!;
  assert.deepEqual([count, minMs, p50Ms, maxMs], [4, 0, 0, 1e12]);
});

test('statistics kept in the middle and folded on are those of one run', () => {
  const record = fc.record({
    cause: fc.constantFrom(...CAUSES),
    worker: fc.constantFrom('a', 'b', '__proto__'),
    signature: fc.constantFrom('exit-code 1', 'signal SIGSEGV'),
    wallMs: fc.nat(1e6),
    cpuMs: fc.option(fc.nat(1e6)),
    reusedFrom: fc.option(fc.constant(4), { freq: 9 }),
    network: fc.option(fc.dictionary(fc.constantFrom('Out', 'constructor'), fc.nat(1e6))),
  });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 30 }), fc.nat(30), (records, at) => {
      const whole = new JobStatistics();
      let folded = new JobStatistics();
      for (const [i, one] of records.entries()) {
        if (i === at) folded = JobStatistics.fromJSON(JSON.stringify(folded));
        for (const statistics of [whole, folded]) {
          statistics.add(attempt(one));
          if (one.cause !== 'ok') statistics.taskFailed(attempt(one));
        }
      }
      assert.equal(JSON.stringify(folded), JSON.stringify(whole));
      const restored = JobStatistics.fromJSON(JSON.stringify(whole));
      assert.deepEqual(restored.wall(), whole.wall());
      assert.deepEqual(restored.workers(9), whole.workers(9));
      assert.deepEqual(restored.failures(9), whole.failures(9));
    }),
  );
});

test('attempts are counted by the walls that were wanted and the level that they had', () => {
  const statistics = new JobStatistics();
  const walls = { network: 'host', root: '', account: 'nobody' } as const;
  statistics.add(attempt());
  statistics.add(attempt({ walls: { ...walls, wanted: 'full', had: LEVELS.private } }));
  statistics.add(
    attempt({ walls: { ...walls, wanted: 'full', had: [...LEVELS.private, 'memory'] } }),
  );
  statistics.add(attempt({ walls: { ...walls, wanted: ['pid'], had: ['track', 'pid'] } }));
  statistics.add(attempt({ cause: 'worker-lost' }));
  const expected = [
    { wanted: 'bare', had: 'bare', attempts: 1 },
    { wanted: 'full', had: 'private', attempts: 2 },
    { wanted: 'listed', had: 'tracked', attempts: 1 },
  ];
  assert.deepEqual(statistics.totals.walls, expected);
  assert.deepEqual(JobStatistics.fromJSON(JSON.stringify(statistics)).totals.walls, expected);
});

test('counted traffic is added up by what counted it, whatever that is called', () => {
  const statistics = new JobStatistics();
  statistics.add(attempt({ network: { OutgoingExternal: 10, constructor: 1 } }));
  statistics.add(attempt({ cause: 'timeout', network: { OutgoingExternal: 5, ToStore: 7 } }));
  statistics.add(attempt());
  const { network, networkAttempts } = statistics.totals;
  assert.deepEqual(network, { OutgoingExternal: 15, constructor: 1, ToStore: 7 });
  assert.equal(networkAttempts, 2);
  for (let n = 0; n < 1000; n++) statistics.add(attempt({ network: { [`n${n}`]: 1 } }));
  assert.equal(Object.keys(statistics.totals.network!).length, 200);
});

test('each worker is told with its tasks, its failures by cause and its busy time', () => {
  const statistics = new JobStatistics();
  statistics.add(attempt({ wallMs: 100 }));
  statistics.add(attempt({ worker: 'b', cause: 'timeout', wallMs: 300 }));
  statistics.add(attempt({ worker: 'b', cause: 'worker-lost', wallMs: 5, cpuMs: null }));
  statistics.add(attempt({ worker: 'b' }));
  const b = { done: 1, attempts: 3, failures: { timeout: 1, 'worker-lost': 1 } };
  const [first, second] = statistics.workers(2);
  assert.deepEqual(first, { worker: 'b', ...b, busyMs: 405, cpuMs: 100 });
  assert.deepEqual(second, {
    worker: 'a',
    done: 1,
    attempts: 1,
    failures: {},
    busyMs: 100,
    cpuMs: 50,
  });
  assert.equal(statistics.medianWallMs(), 100);
  statistics.forget('worker-lost', 'b', 5);
  assert.deepEqual(statistics.causes, { ok: 2, timeout: 1 });
  const [after] = statistics.workers(1);
  assert.deepEqual([after!.failures, after!.busyMs], [{ timeout: 1 }, 400]);
  assert.equal(efficiencyOf(500, 2, 1000), 0.25);
  assert.equal(efficiencyOf(1, 0, 1000), null);
});

test('results taken over from an earlier job are no attempts', () => {
  const statistics = new JobStatistics();
  statistics.add(attempt({ reusedFrom: 7 }));
  assert.equal(statistics.attempts, 0);
  assert.equal(statistics.reused, 1);
  assert.equal(statistics.medianWallMs(), null);
});

test('tasks that failed in one way are one group, and leave it when they are tried again', () => {
  const statistics = new JobStatistics();
  const failed = { cause: 'signal', signature: 'signal SIGSEGV', reason: 'it crashed' } as const;
  statistics.taskFailed(attempt({ ...failed, task: 4, ticket: 9 }));
  statistics.taskFailed(attempt({ ...failed, task: 5, ticket: 10 }));
  const example = { task: 4, ticket: 9, reason: 'it crashed' };
  const group = { signature: 'signal SIGSEGV', cause: 'signal', tasks: 2, example };
  assert.deepEqual(statistics.failures(5), [group]);
  statistics.taskRevived('signal SIGSEGV');
  statistics.taskRevived('signal SIGSEGV');
  assert.deepEqual(statistics.failures(5), []);
});

test('any number of different failures takes bounded memory and loses no count', () => {
  const statistics = new JobStatistics();
  for (let i = 0; i < 5000; i++)
    statistics.taskFailed(attempt({ signature: `s${i}`, cause: 'signal' }));
  assert.ok(statistics.failureCount <= 1001);
  const total = statistics.failures(5000).reduce((sum, { tasks }) => sum + tasks, 0);
  assert.equal(total, 5000);
  assert.equal(statistics.failures(1)[0]!.signature, '(others)');
});

test('failures that differ only in numbers, identifiers and paths have one signature', () => {
  const alike: [string, string][] = [
    ['Error at step 123: no convergence 1.5e-3', 'Error at step 7: no convergence 22'],
    ['cannot open /scratch/9a8b7c6d-48213/out.dat', 'cannot open /scratch/1-2/out.dat'],
    ['segfault at 0x7ffdeadbeef ip 00007f12', 'segfault at 0x10 ip 000000aa'],
    [
      'run 0190a5be-77c1-7c3e-9d5b-aaaaaaaaaaaa failed',
      'run 12345678-1234-4321-abcd-123456789abc failed',
    ],
    ['KeyError: seed=17', 'KeyError: seed=-4'],
    ['digest abcdefabcdefabcdef is unknown', 'digest fedcbafedcbafedcba is unknown'],
    ['File "/home/ann/run7.py", line 31', 'File "/home/ann/run123.py", line 4'],
    ['beta 0.44  too   low', 'beta 1.0 too low'],
  ];
  for (const [a, b] of alike) {
    assert.equal(signatureOf('exit-code', 1, a), signatureOf('exit-code', 1, b));
  }
  assert.equal(
    signatureOf('exit-code', 1, 'cannot open /scratch/a1/b2.dat at line 3'),
    'exit-code 1: cannot open /scratch/#/#.dat at line #',
  );
  assert.equal(signatureOf('signal', 'SIGSEGV', ''), 'signal SIGSEGV');
  assert.equal(signatureOf('timeout', null, ''), 'timeout');
});

test('failures that differ in words, status or cause keep signatures of their own', () => {
  const signatures = [
    signatureOf('exit-code', 1, 'no such file'),
    signatureOf('exit-code', 2, 'no such file'),
    signatureOf('exit-code', 1, 'permission denied'),
    signatureOf('signal', 'SIGABRT', 'no such file'),
    signatureOf('exit-code', 1, 'cannot open /data/model.ini'),
    signatureOf('exit-code', 1, 'cannot open /data/table.ini'),
  ];
  assert.equal(new Set(signatures).size, signatures.length);
});

test('a signature is bounded whatever the line, and folding a folded one changes nothing more', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 2000 }), (line) => {
      const signature = signatureOf('exit-code', 1, line);
      assert.ok(signature.length <= 220);
      assert.equal(signature.isWellFormed(), true);
    }),
  );
  const started = performance.now();
  signatureOf('exit-code', 1, `${'1-'.repeat(100_000)}x`);
  assert.ok(performance.now() - started < 10_000);
});
