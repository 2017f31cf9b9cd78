import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areSources, sourceOf, usageOf } from './usage.ts';

test('of one figure the later measurement counts, and each keeps the source it came from', () => {
  const usage = usageOf(
    5,
    { source: 'rusage', figures: { cpuUserMs: 1, memoryPeakBytes: 10, ioReadBytes: 0 } },
    { source: 'cgroup-v2', figures: { cpuUserMs: 2, memoryPeakBytes: null, tasksPeak: 3 } },
    { source: 'sampled', figures: {} },
  );
  assert.deepEqual(usage, {
    wallMs: 5,
    cpuUserMs: 2,
    cpuSystemMs: null,
    memoryPeakBytes: 10,
    ioReadBytes: 0,
    ioWriteBytes: null,
    contextSwitches: null,
    tasksPeak: 3,
    diskBytes: null,
    network: null,
    sources: '2-rr--2-',
  });
  assert.equal(sourceOf(usage, 'cpuUserMs'), 'cgroup-v2');
  assert.equal(sourceOf(usage, 'cpuSystemMs'), 'none');
  assert.equal(sourceOf(usage, 'ioReadBytes'), 'rusage');
});

test('sources from outside are letters that mean something, one for each figure', () => {
  assert.ok(areSources(usageOf(0).sources));
  for (const bad of ['', '-------', '---------', 'x-------']) assert.ok(!areSources(bad), bad);
});
