import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { SlotPool, type SlotPoolOptions } from './slot-pool.ts';
import { UnkilledProcesses } from './unkilled.ts';

test('an attempt that left what nothing ends keeps its slot, until that is gone', async () => {
  const unkilled = new UnkilledProcesses();
  const workshop = { clock: new ManualClock(), unkilled };
  const pool = new SlotPool({ slots: 2, workshop } as unknown as SlotPoolOptions);
  const children = ['60', '61'].map((time) => spawn('sleep', [time], { stdio: 'ignore' }));
  assert.equal(pool.slots, 2);
  unkilled.add(children.map(({ pid }) => pid!));
  assert.deepEqual([pool.slots, pool.view().slots], [1, 1]);
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(children.map((child) => once(child, 'exit')));
  assert.equal(pool.slots, 2);
});
