import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Level, Wall } from '#model';
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
  const root = { uid: 0, mostTasks: 0 };
  assert.deepEqual(brakesOf(plot, root, new Set(), null), nproc);
  assert.deepEqual(brakesOf(plot, root, new Set(['tasks']), null), []);
  assert.deepEqual(brakesOf(plot, { ...root, uid: 1003 }, new Set(), null), []);
  const nobody = { ...account, name: 'nobody', uid: 65534, ofSlot: false };
  assert.deepEqual(brakesOf({ ...plot, account: nobody }, root, new Set(), null), []);
});

test('in a user namespace of its own an attempt is stopped at twice the processes it asked for, or at the most of the machine', () => {
  const account = { name: '1003', uid: 1003, gid: 1003, groups: [] };
  const here = { uid: 1003, mostTasks: 4096 };
  const most = (processes: number, held: readonly Wall[], countsProcesses: boolean) =>
    brakesOf({ request: { ...request, processes }, account }, here, new Set(held), {
      countsProcesses,
    }).map(({ soft }) => soft);
  assert.deepEqual(most(30, [], true), [92]);
  assert.deepEqual(most(0, [], true), [4096]);
  assert.deepEqual(most(30, ['tasks'], true), []);
  assert.deepEqual(most(30, [], false), []);
});

const skipWithoutFence =
  findLauncher() === null || findTool('bwrap') === null || findTool('python3') === null
    ? 'no launcher, bubblewrap or python3'
    : false;

test('without cgroups nobody hides memory in /dev/shm, nor in /dev, beyond what was asked for', {
  skip: skipWithoutFence,
}, async () => {
  const field = await openWalledField({}, 'bare', undefined, noCgroups);
  const fill = (name: string) =>
    `head -c 64000000 /dev/zero 2>/dev/null > ${name} && echo got in; rm -f ${name}`;
  try {
    const held = await field.run('private', `${fill('/dev/shm/x')}; ${fill('/dev/x')}`, {
      request: { memoryBytes: 16 * MIB },
    });
    assert.equal(held.stdout, '');
    const free = await field.run('private', fill('/dev/shm/x'));
    assert.equal(free.stdout, 'got in\n');
  } finally {
    await field.close();
  }
});

test('a fork bomb of an ordinary user is stopped between two looks, and others of the user are not', {
  skip: skipWithoutFence || (process.getuid?.() === 0 && 'root is held to no number'),
}, async () => {
  const field = await openWalledField({}, 'bare', undefined, noCgroups);
  const bomb = [
    'import os, time',
    'forked = 0',
    'try:',
    '  for _ in range(150):',
    '    if os.fork() == 0: time.sleep(30); os._exit(0)',
    '    forked += 1',
    'except OSError: pass',
    'print(forked)',
  ].join('\n');
  try {
    const run = (walls: Level) =>
      field.run(walls, `python3 -c '${bomb}'`, { request: { processes: 20 } });
    const [held, free] = [
      Number((await run('private')).stdout),
      Number((await run('bare')).stdout),
    ];
    assert.ok(held >= 60 && held < 72, `${held}`);
    assert.equal(free, 150);
  } finally {
    await field.close();
  }
});
