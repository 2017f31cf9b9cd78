import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findLauncher } from '../open-starter.ts';
import { findTool } from '../tool.ts';
import { brakesOf } from './brakes.ts';
import { CGROUP, openWalledField } from './testing.ts';

const MIB = 2 ** 20;
const request = { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };
const noCgroups = { cgroup: { ...CGROUP, base: 'there/is/no/such/group' } };

test('without cgroups a program cannot take much more memory between two looks', {
  skip: findLauncher() === null || findTool('python3') === null ? 'no launcher or python3' : false,
}, async () => {
  const field = await openWalledField({}, 'bare', undefined, noCgroups);
  const hog =
    'ulimit -v 4000000; python3 -c "x = bytearray(900 << 20)" 2>/dev/null || echo refused';
  try {
    const held = await field.run('bare', hog, { request: { memoryBytes: 100 * MIB } });
    assert.deepEqual([held.stdout, held.plan.record.had], ['refused\n', []]);
    const free = await field.run('bare', hog);
    assert.equal(free.stdout, '');
  } finally {
    await field.close();
  }
});

test('processes are limited for the account that a slot has for itself, and for no other', () => {
  const account = { name: 'slot3_user', uid: 1003, gid: 1003, groups: [], ofSlot: true };
  const plot = { request: { ...request, processes: 7 }, account };
  const nproc = [{ resource: 'nproc', soft: 7, hard: 7 }];
  assert.deepEqual(brakesOf(plot, { uid: 0 }, new Set()), nproc);
  assert.deepEqual(brakesOf(plot, { uid: 0 }, new Set(['tasks'])), []);
  assert.deepEqual(brakesOf(plot, { uid: 1003 }, new Set()), []);
  const nobody = { ...account, name: 'nobody', uid: 65534, ofSlot: false };
  assert.deepEqual(brakesOf({ ...plot, account: nobody }, { uid: 0 }, new Set()), []);
});
