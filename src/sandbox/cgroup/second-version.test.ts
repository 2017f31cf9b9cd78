/** Version 2 over a recorded tree: what the kernel of a machine with version 1 cannot show. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '#base';
import type { ResourceRequest } from '#model';
import { temporaryFolder } from '../starter-world.ts';
import type { CgroupSettings, Ground } from '../walls/ground.ts';
import { ALL_WALLS, groundWith, plotFor } from './cgroup-world.ts';
import { createCgroupPart } from './part.ts';
import type { CgroupFacts, ProbedGroups } from './probe.ts';
import { layOutTree, type RecordedTree } from './recorded-tree.ts';

const MIB = 2 ** 20;
const ALL = ['cpuset', 'cpu', 'io', 'memory', 'pids'];
const SOMEBODY_ELSE = 1;

function treeWith(test: TestContext, controllers: readonly string[] = ALL): RecordedTree {
  return layOutTree(temporaryFolder(test), controllers);
}

/** Hands everything down to a group for the worker, as `Delegate=yes` does. */
function delegate(tree: RecordedTree, processes: readonly number[]): string {
  for (const controller of ALL) {
    tree.files.write(`${tree.root}/cgroup.subtree_control`, `+${controller}`);
  }
  return tree.group('windrow.service', processes);
}

interface Settled {
  readonly ground: Ground;
  readonly probed: ProbedGroups;
  readonly part: ReturnType<typeof createCgroupPart>;
  /** Puts the walls of an attempt up; returns its directory. */
  wall(name: string, request?: Partial<ResourceRequest>, cpus?: readonly number[]): Promise<string>;
  leave(): Promise<void>;
}

async function settleIn(
  tree: RecordedTree,
  own: string,
  more: { isRoot?: boolean; settings?: Partial<CgroupSettings> } = {},
): Promise<Settled> {
  const { files, root } = tree;
  const trees = [{ version: 2, controllers: [], own, mountPoint: root }] as const;
  const isRoot = more.isRoot ?? false;
  const part = createCgroupPart({
    files,
    isRoot,
    findTrees: () => trees,
    clock: systemClock,
    giveUpMs: 10_000,
  });
  const ground = groundWith(more.settings);
  const before = snapshot(tree);
  const probed = (await part.probe(ground)) as ProbedGroups;
  assert.equal(snapshot(tree), before, 'probing left something behind');
  const facts: CgroupFacts = probed.facts!;
  const preparation = part.prepare!(ground, facts);
  for (const operation of preparation) await part.carryOut(operation);
  const made: (typeof preparation)[number][] = [];
  return {
    ground,
    probed,
    part,
    wall: async (name, request, cpus) => {
      const plan = part.plan(plotFor(name, request, cpus), ALL_WALLS, ground, facts)!;
      for (const operation of plan.operations) {
        await part.carryOut(operation);
        made.push(operation);
      }
      assert.deepEqual(plan.cgroups, [`${plan.operations[0]!.path}/cgroup.procs`]);
      return plan.operations[0]!.path;
    },
    leave: async () => {
      for (const operation of [...preparation, ...made].reverse()) await part.undo(operation);
      assert.equal(snapshot(tree), before, 'leaving left something behind');
    },
  };
}

/** Groups, who is in them, and what they hand down. */
function snapshot({ files, root }: RecordedTree, path = root): string {
  const text = (file: string) => files.read(`${path}/${file}`)?.trim().split(/\s+/).sort().join();
  const inside = files
    .groupsIn(path)
    .map((name) => snapshot({ files, root } as RecordedTree, `${path}/${name}`));
  return [path, text('cgroup.procs'), text('cgroup.subtree_control'), ...inside].join('\n');
}

const unable = ({ abilities }: ProbedGroups) =>
  abilities.flatMap((ability) => (ability.able ? [] : [ability]));

describe('cgroups of version 2', () => {
  it('limit an attempt below the worker, and are gone afterwards', async (test) => {
    const tree = treeWith(test);
    const worker = await settleIn(tree, tree.root, { settings: { cpuCeiling: true } });
    assert.deepEqual(unable(worker.probed), []);
    const directory = await worker.wall('a', { cpus: 2, memoryBytes: MIB, processes: 7 }, [1]);
    for (const [file, value] of [
      ['cpu.weight', '200'],
      ['cpu.max', '200000 100000'],
      ['cpuset.cpus', '1'],
      ['memory.max', '1048576'],
      ['memory.swap.max', '0'],
      ['memory.oom.group', '1'],
      ['pids.max', '7'],
    ] as const) {
      assert.equal(tree.says(directory, file), value, file);
    }
    await worker.leave();
  });

  it('hold all attempts together below what the machine has, without ending them together', async (test) => {
    const tree = treeWith(test);
    const worker = await settleIn(tree, tree.root);
    const whole = `${tree.root}/${worker.ground.tag}`;
    assert.ok(Number(tree.says(whole, 'memory.max')) > 0);
    assert.ok(Number(tree.says(whole, 'pids.max')) > 1000);
    assert.equal(tree.says(whole, 'memory.oom.group'), '0');
    await worker.leave();
  });

  it('protect what was asked for instead of limiting it where limits are soft', async (test) => {
    const tree = treeWith(test);
    const worker = await settleIn(tree, tree.root, { settings: { memoryLimit: 'soft' } });
    const directory = await worker.wall('a', { memoryBytes: MIB });
    assert.equal(tree.says(directory, 'memory.low'), String(MIB));
    assert.equal(tree.says(directory, 'memory.max'), 'max');
    await worker.leave();
  });

  it('are had in a delegated group once the worker has stepped aside in it, and back at the end', async (test) => {
    const tree = treeWith(test);
    const own = delegate(tree, [process.pid]);
    const worker = await settleIn(tree, own);
    assert.deepEqual(unable(worker.probed), []);
    const { tag } = worker.ground;
    assert.equal(tree.says(`${own}/${tag}-worker`, 'cgroup.procs'), String(process.pid));
    assert.equal(tree.says(await worker.wall('a', { processes: 3 }), 'pids.max'), '3');
    await worker.leave();
  });

  it('leave processes of others where they are, and say what to do', async (test) => {
    const tree = treeWith(test);
    const own = delegate(tree, [process.pid, SOMEBODY_ELSE]);
    const worker = await settleIn(tree, own);
    const lacking = unable(worker.probed);
    assert.deepEqual(
      lacking.map(({ wall }) => wall),
      ['cpu', 'memory', 'tasks'],
    );
    assert.match(lacking[0]!.reason, /holds processes that are not Windrow's \(1\)/);
    assert.match(lacking[0]!.remedy, /Delegate=yes/);
    assert.equal(tree.says(own, 'cgroup.procs'), `${process.pid}\n${SOMEBODY_ELSE}`);
    // Killing and CPU time need no controller.
    const directory = await worker.wall('a', { processes: 3 });
    assert.ok(tree.files.has(`${directory}/cgroup.kill`));
    await worker.leave();
  });

  it('are made at the top of the tree by root where others are in the way', async (test) => {
    const tree = treeWith(test);
    const own = delegate(tree, [SOMEBODY_ELSE]);
    const worker = await settleIn(tree, own, { isRoot: true });
    assert.deepEqual(unable(worker.probed), []);
    assert.equal(await worker.wall('a'), `${tree.root}/${worker.ground.tag}/a`);
    assert.deepEqual(tree.files.groupsIn(own), []);
    await worker.leave();
  });

  it('are made in the group that the administrator named', async (test) => {
    const tree = treeWith(test);
    delegate(tree, []);
    const settings = { base: 'windrow.service' };
    const worker = await settleIn(tree, tree.root, { settings });
    const directory = await worker.wall('a');
    assert.equal(directory, `${tree.root}/windrow.service/${worker.ground.tag}/a`);
    await worker.leave();
    const missing = { base: 'not/there' };
    const part = createCgroupPart({
      files: tree.files,
      isRoot: true,
      findTrees: () => [{ version: 2, controllers: [], own: tree.root, mountPoint: tree.root }],
      clock: systemClock,
      giveUpMs: 10_000,
    });
    const lacking = unable((await part.probe(groundWith(missing))) as ProbedGroups);
    assert.match(lacking[0]!.reason, /not\/there: no such file/);
  });

  it('give the controllers that are offered when some are not', async (test) => {
    const tree = treeWith(test, ['memory', 'pids']);
    const worker = await settleIn(tree, tree.root);
    assert.deepEqual(
      unable(worker.probed).map(({ wall, reason }) => [wall, reason]),
      [['cpu', 'no tree here has the controller cpu']],
    );
    assert.equal(
      tree.says(await worker.wall('a', { memoryBytes: MIB }), 'memory.max'),
      String(MIB),
    );
    await worker.leave();
  });

  it('measure what the kernel counted: no page cache in memory, bytes of all devices', async (test) => {
    const tree = treeWith(test);
    const worker = await settleIn(tree, tree.root);
    const path = await worker.wall('a', { memoryBytes: 6000 });
    for (const [file, text] of Object.entries({
      'cpu.stat': 'usage_usec 3500\nuser_usec 2500\nsystem_usec 1000\n',
      'memory.stat': 'anon 1000\nfile 4000\nkernel 30\nshmem 200\nfile_mapped 7\n',
      'memory.peak': '6000\n',
      'memory.events': 'low 0\noom 2\noom_kill 1\noom_group_kill 1\n',
      'io.stat': '8:0 rbytes=10 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2\n',
      'pids.peak': '12\n',
      'pids.current': '3\n',
    })) {
      tree.files.write(`${path}/${file}`, text);
    }
    const controllers = ['memory', 'pids', 'io'] as const;
    const settled = await worker.part.settle!([
      { part: 'cgroup', do: 'make', path, version: 2, controllers },
      {
        part: 'cgroup',
        do: 'limit',
        path,
        limit: 'memory hard',
        file: 'memory.max',
        value: '6000',
        otherwise: [],
        mayLack: false,
      },
    ]);
    assert.deepEqual(Object.assign({}, ...settled.measured.map(({ figures }) => figures)), {
      cpuUserMs: 2.5,
      cpuSystemMs: 1,
      memoryPeakBytes: 6000 - (4000 - 200),
      tasksPeak: 12,
      ioReadBytes: 11,
      ioWriteBytes: 22,
    });
    assert.ok(settled.measured.every(({ source }) => source === 'cgroup-v2'));
    assert.deepEqual(settled.exceeded, { wall: 'memory', limit: 6000, peak: 6000, shared: false });
    await worker.leave();
  });
});
