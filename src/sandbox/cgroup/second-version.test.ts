/** Version 2 over a recorded tree: what the kernel of a machine with version 1 cannot show. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '#base';
import { temporaryFolder } from '../starter-world.ts';
import { AttemptGroups } from './attempt-groups.ts';
import { NO_LIMITS } from './limits.ts';
import { layOutTree, type RecordedTree } from './recorded-tree.ts';

const NAME = 'windrow-00c0ffee';
const ALL = ['cpuset', 'cpu', 'io', 'memory', 'pids'];
const SOMEBODY_ELSE = 1;

function treeWith(test: TestContext, controllers: readonly string[] = ALL): RecordedTree {
  return layOutTree(temporaryFolder(test), controllers);
}

function openIn(tree: RecordedTree, own: string, isRoot = false): AttemptGroups {
  return new AttemptGroups({
    name: NAME,
    clock: systemClock,
    whole: { memoryBytes: 1 << 30, tasks: 1000 },
    files: tree.files,
    hierarchies: [{ version: 2, controllers: [], own, mountPoint: tree.root }],
    isRoot,
  });
}

/** Hands everything down to a group for the worker, as `Delegate=yes` does. */
function delegate(tree: RecordedTree, processes: readonly number[]): string {
  for (const controller of ALL) {
    tree.files.write(`${tree.root}/cgroup.subtree_control`, `+${controller}`);
  }
  return tree.group('windrow.service', processes);
}

describe('control groups of version 2', () => {
  it('limit an attempt below the worker, and are gone afterwards', (test) => {
    const tree = treeWith(test);
    const groups = openIn(tree, tree.root);
    assert.deepEqual(groups.gaps, []);
    const limits = { ...NO_LIMITS, cpus: 2, memoryHardBytes: 1 << 20, tasks: 7, pinnedCpus: [1] };
    const group = groups.make('a-1', limits);
    const directory = `${tree.root}/${NAME}/a-1`;
    assert.deepEqual(group.directories, [directory]);
    assert.deepEqual(group.joins, [`${directory}/cgroup.procs`]);
    assert.deepEqual(group.gaps, []);
    for (const [file, value] of [
      ['cpu.weight', '200'],
      ['cpuset.cpus', '1'],
      ['memory.max', '1048576'],
      ['memory.swap.max', '0'],
      ['memory.oom.group', '1'],
      ['pids.max', '7'],
    ] as const) {
      assert.equal(tree.says(directory, file), value, file);
    }
    assert.deepEqual(groups.remove(group), []);
    assert.equal(groups.close(), null);
    assert.deepEqual(tree.files.groupsIn(tree.root), []);
  });

  it('hold all attempts together below what the machine has, without ending them together', (test) => {
    const tree = treeWith(test);
    openIn(tree, tree.root);
    const whole = `${tree.root}/${NAME}`;
    assert.equal(tree.says(whole, 'memory.max'), String(1 << 30));
    assert.equal(tree.says(whole, 'pids.max'), '1000');
    assert.equal(tree.says(whole, 'memory.oom.group'), '0');
  });

  it('are had in a delegated group once the worker has stepped aside in it, and back at the end', (test) => {
    const tree = treeWith(test);
    const own = delegate(tree, [process.pid]);
    const groups = openIn(tree, own);
    assert.deepEqual(groups.gaps, []);
    assert.equal(tree.says(`${own}/${NAME}-worker`, 'cgroup.procs'), String(process.pid));
    assert.deepEqual(groups.make('a', { ...NO_LIMITS, tasks: 3 }).gaps, []);
    assert.equal(tree.says(`${own}/${NAME}/a`, 'pids.max'), '3');
    tree.files.remove(`${own}/${NAME}/a`);
    assert.equal(groups.close(), null);
    assert.equal(tree.says(own, 'cgroup.procs'), String(process.pid));
    assert.deepEqual(tree.files.groupsIn(own), []);
  });

  it('leave processes of others where they are, and say what to do', (test) => {
    const tree = treeWith(test);
    const own = delegate(tree, [process.pid, SOMEBODY_ELSE]);
    const groups = openIn(tree, own);
    assert.match(groups.gaps[0]!.reason, /holds processes that are not Windrow's \(1\)/);
    assert.match(groups.gaps[0]!.remedy, /Delegate=yes/);
    assert.deepEqual(groups.gaps[0]!.controllers, ['cpu', 'memory', 'pids', 'io', 'cpuset']);
    assert.equal(tree.says(own, 'cgroup.procs'), `${process.pid}\n${SOMEBODY_ELSE}`);
    // Killing and CPU time need no controller.
    assert.equal(groups.roles.killBy, 'cgroup.kill');
    const group = groups.make('a', { ...NO_LIMITS, tasks: 3 });
    assert.deepEqual(
      group.gaps.map(({ limit }) => limit),
      ['cpu weight', 'oom unit', 'tasks'],
    );
    groups.remove(group);
    assert.equal(groups.close(), null);
  });

  it('are made at the top of the tree by root where others are in the way', (test) => {
    const tree = treeWith(test);
    const own = delegate(tree, [SOMEBODY_ELSE]);
    const groups = openIn(tree, own, true);
    assert.deepEqual(groups.gaps, []);
    assert.equal(groups.make('a', NO_LIMITS).directories[0], `${tree.root}/${NAME}/a`);
    assert.deepEqual(tree.files.groupsIn(own), []);
  });

  it('give the controllers that are offered when some are not', (test) => {
    const tree = treeWith(test, ['memory', 'pids']);
    const groups = openIn(tree, tree.root);
    assert.deepEqual(groups.gaps, []);
    const group = groups.make('a', { ...NO_LIMITS, memoryHardBytes: 4096, cpuCeiling: 1 });
    assert.deepEqual([...group.kept], ['memory hard', 'swap', 'oom unit']);
    assert.deepEqual(
      group.gaps.map(({ limit }) => limit),
      ['cpu weight', 'cpu ceiling'],
    );
  });

  it('measure what the kernel counted: no page cache in memory, bytes of all devices', (test) => {
    const tree = treeWith(test);
    const groups = openIn(tree, tree.root);
    const [directory] = groups.make('a', NO_LIMITS).directories;
    for (const [file, text] of Object.entries({
      'cpu.stat': 'usage_usec 3500\nuser_usec 2500\nsystem_usec 1000\n',
      'memory.stat': 'anon 1000\nfile 5000\nkernel 30\nshmem 200\nfile_mapped 7\n',
      'memory.peak': '6500\n',
      'memory.events': 'low 0\noom 2\noom_kill 1\noom_group_kill 1\n',
      'io.stat': '8:0 rbytes=10 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2\n',
      'pids.peak': '12\n',
      'pids.current': '3\n',
    })) {
      tree.files.write(`${directory}/${file}`, text);
    }
    assert.deepEqual(groups.measure('a'), {
      cpuUserMs: 2.5,
      cpuSystemMs: 1,
      memory: { chargedPeakBytes: 6500, cacheBytes: 4800, workingBytes: 1230, oomKills: 1 },
      readBytes: 11,
      writtenBytes: 22,
      tasksPeak: 12,
      tasksNow: 3,
    });
  });
});
