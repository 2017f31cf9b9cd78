import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Controller } from './hierarchies.ts';
import { type GroupLimits, NO_LIMITS, settingsOf } from './limits.ts';

const written = (version: 1 | 2, controller: Controller, limits: Partial<GroupLimits>) =>
  settingsOf(version, controller, { ...NO_LIMITS, ...limits }).map(
    ({ file, value }) => `${file}=${value}`,
  );

describe('limits as writes to files', () => {
  it('weighs CPUs in proportion, fractions too, within the range of the kernel', () => {
    const weights = [0.25, 1, 3.5, 1000].map((cpus) => written(2, 'cpu', { cpus })[0]);
    assert.deepEqual(
      weights,
      ['25', '100', '350', '10000'].map((value) => `cpu.weight=${value}`),
    );
    const shares = [0.0001, 0.25, 1, 1000].map((cpus) => written(1, 'cpu', { cpus })[0]);
    assert.deepEqual(
      shares,
      ['2', '256', '1024', '262144'].map((value) => `cpu.shares=${value}`),
    );
  });

  it('sets a ceiling and pins only where that is asked for', () => {
    assert.deepEqual(written(2, 'cpu', { cpuCeiling: 1.5 }).slice(1), ['cpu.max=150000 100000']);
    assert.deepEqual(written(1, 'cpu', { cpuCeiling: 0.001 }).slice(1), [
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=1000',
    ]);
    assert.deepEqual(written(2, 'cpuset', {}), []);
    assert.deepEqual(written(1, 'cpuset', { pinnedCpus: [2, 5] }), ['cpuset.cpus=2,5']);
  });

  it('keeps swap off together with a hard limit, and makes one OOM unit in any case', () => {
    assert.deepEqual(written(2, 'memory', { memoryHardBytes: 4096, memorySoftBytes: 2048 }), [
      'memory.low=2048',
      'memory.max=4096',
      'memory.swap.max=0',
      'memory.oom.group=1',
    ]);
    assert.deepEqual(written(2, 'memory', {}), ['memory.oom.group=1']);
    // The limit of memory and swap together may never be below that of memory.
    assert.deepEqual(written(1, 'memory', { memoryHardBytes: 4096, memorySoftBytes: 2048 }), [
      'memory.soft_limit_in_bytes=2048',
      'memory.limit_in_bytes=4096',
      'memory.memsw.limit_in_bytes=4096',
      'memory.swappiness=0',
    ]);
  });

  it('limits processes and block devices', () => {
    assert.deepEqual(written(2, 'pids', { tasks: 9 }), ['pids.max=9']);
    const io = {
      weight: 50,
      devices: [{ device: '8:0', readBytesPerSecond: 1000, writeBytesPerSecond: null }],
    };
    assert.deepEqual(written(2, 'io', { io }), [
      'io.weight=default 50',
      'io.max=8:0 rbps=1000 wbps=max',
    ]);
    assert.deepEqual(written(1, 'io', { io }), [
      'blkio.bfq.weight=50',
      'blkio.throttle.read_bps_device=8:0 1000',
    ]);
    assert.deepEqual(written(2, 'io', {}), []);
  });
});
