import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, describe, it, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { ManualClock } from '#base';
import type { TrapRecord } from '#model';
import { SafeFiles } from '../../files/safe-files.ts';
import { NOW_MS, openCollector, rememberedFrom } from '../../testing/collector.ts';
import { LustreTree, PEERS } from '../../testing/lustre-tree.ts';
import { until } from '../../testing/until.ts';
import { Lustre } from './lustre.ts';
import { LustreMemory } from './memory.ts';
import { treeLooker } from './tree.ts';

const HEALTH = 'sys/fs/lustre/health_check';
const REASONS = 'sys/kernel/debug/lustre/health_check';
const IMPORT = 'proc/fs/lustre/osc/lustrefs-OST0000-osc-ffff88105db50000/state';
const NAME = 'lustrefs-OST0000-osc-ffff88105db50000';
const RECOVERY = 'proc/fs/lustre/obdfilter/lustrefs-OST0002/recovery_status';
const NOW_S = NOW_MS / 1000;

const files = new SafeFiles({ timeoutMs: 2000 });
after(() => files.close());

/** A tree, looked at when the test says so; each look is as if one interval had gone by. */
async function openTree(t: TestContext, collector = openCollector()) {
  const tree = new LustreTree();
  const memory = new LustreMemory({
    node: 'oss1',
    boot: 'boot1',
    holding: collector.collector.all(),
  });
  const lookAtTree = treeLooker(files, tree.root);
  let tick = 0;
  t.after(() => tree.close());
  const { collector: sink, clock } = collector;
  const look = async (): Promise<TrapRecord[]> => {
    const mark = sink.lastMark();
    const found = await lookAtTree();
    const { traps, nodes } = memory.digest(found, ++tick, clock.now());
    for (const node of nodes) sink.observe(node);
    for (const trap of traps) sink.accept(trap);
    return [...sink.since(mark).traps];
  };
  const said = async () => (await look()).map(({ category, message }) => [category, message]);
  return { tree, look, said, collector: sink, clock };
}

describe('a Lustre server', () => {
  it('that is well is a node of its file system, and no trap', async (t) => {
    const { said, collector, clock } = await openTree(t);
    assert.deepEqual(await said(), []);
    assert.deepEqual(collector.nodes.names('lustrefs'), ['oss1']);
    assert.deepEqual(collector.nodes.fileSystemNames(), ['lustrefs']);
    const node = collector.nodes.view('oss1')!;
    assert.equal(node.health, 'healthy');
    assert.ok(node.totalBytes! > 1e14 && node.freeBytes! > 0.9 * node.totalBytes!);
    for (const ms of [1000, 2000, 3000]) {
      clock.advance(ms);
      assert.deepEqual(await said(), []);
      assert.equal(collector.nodes.view('oss1')!.lastSeenMs, clock.now());
    }
  });

  it('goes from healthy to NOT HEALTHY with reasons, to LBUG, and back', async (t) => {
    const { tree, said, collector } = await openTree(t);
    await said();
    tree.write(HEALTH, 'NOT HEALTHY\n');
    tree.write(REASONS, 'device lustrefs-OST0000 reported unhealthy\nNOT HEALTHY\n');
    assert.deepEqual(await said(), [
      [2, 'Lustre is NOT HEALTHY: device lustrefs-OST0000 reported unhealthy'],
    ]);
    assert.deepEqual(await said(), []);
    tree.write(HEALTH, 'LBUG\n');
    tree.remove(REASONS);
    assert.deepEqual(await said(), [[3, 'Lustre hit a bug (LBUG)']]);
    assert.equal(collector.nodes.view('oss1')!.health, 'LBUG');
    tree.write(HEALTH, 'healthy\n');
    assert.deepEqual(await said(), [[0, 'Lustre is healthy again']]);
    const [first, second, last] = collector.all();
    assert.deepEqual([first!.over?.by, second!.over?.by], ['newer', 'clear']);
    assert.equal(last!.fileSystem, 'lustrefs');
  });

  it('in catastrophe is Fatal for every file system that it serves', async (t) => {
    const { tree, look } = await openTree(t);
    tree.write('proc/fs/lustre/mgs/MGS/filesystems', 'lustrefs\nscratch\n');
    tree.write('proc/sys/lnet/catastrophe', '1\n');
    const traps = await look();
    assert.deepEqual(
      traps.map(({ fileSystem, category }) => [fileSystem, category]),
      [
        ['lustrefs', 3],
        ['scratch', 3],
      ],
    );
  });

  it('tells of recoveries, also of one that began and ended between two looks', async (t) => {
    const { tree, look, said } = await openTree(t);
    await said();
    tree.write(RECOVERY, 'status: WAITING_FOR_CLIENTS');
    assert.deepEqual(await said(), [[1, 'lustrefs-OST0002 is in recovery (WAITING_FOR_CLIENTS)']]);
    tree.write(
      RECOVERY,
      'status: RECOVERING\nrecovery_start: 1600000000\ntime_remaining: 119\nconnected_clients: 3/7\n',
    );
    assert.deepEqual(await said(), [[1, 'lustrefs-OST0002 is in recovery (RECOVERING)']]);
    tree.write(
      RECOVERY,
      'status: RECOVERING\nrecovery_start: 1600000000\ntime_remaining: 50\nconnected_clients: 5/7\n',
    );
    assert.deepEqual(await said(), []);
    tree.write(RECOVERY, 'status: COMPLETE\nrecovery_start: 1600000000\nrecovery_duration: 100\n');
    assert.deepEqual(await said(), [[0, 'lustrefs-OST0002 has recovered']]);
    tree.write(RECOVERY, 'status: COMPLETE\nrecovery_start: 1600009000\nrecovery_duration: 7\n');
    const traps = await look();
    assert.deepEqual(
      traps.map(({ kind, atMs }) => [kind, atMs]),
      [
        ['raise', 1_600_009_000_000],
        ['clear', 1_600_009_007_000],
      ],
    );
  });

  it('tells of devices, targets and peers that are not as they should be', async (t) => {
    const { tree, said } = await openTree(t);
    await said();
    tree.write(
      'sys/kernel/debug/lustre/devices',
      '  0 UP osd-zfs MGS-osd MGS-osd_UUID 5\n  4 ST mds lustrefs-MDT0000 lustrefs-MDT0000_UUID 7\n',
    );
    tree.write('proc/fs/lustre/obdfilter/lustrefs-OST0000/degraded', '1\n');
    tree.write(`proc/fs/lustre/osc/${NAME}/active`, '0\n');
    tree.write('sys/kernel/debug/lnet/peers', PEERS.replace('up', 'down'));
    tree.write('proc/fs/lustre/osd-zfs/lustrefs-OST0004/kbytesavail', '1000\n');
    assert.deepEqual((await said()).sort(), [
      [1, 'LNet peer 10.0.0.2@tcp is down'],
      [1, 'device lustrefs-MDT0000 (mds) is stopping'],
      [1, 'lustrefs-OST0000 is degraded'],
      [2, 'lustrefs-OST0000-osc-ffff88105db50000 is deactivated (active=0)'],
      [2, 'lustrefs-OST0004 is nearly full: less than 1 % of 29.3 TiB are free'],
    ]);
    tree.remove('sys/kernel');
    tree.write('proc/fs/lustre/obdfilter/lustrefs-OST0000/degraded', '0\n');
    tree.write(`proc/fs/lustre/osc/${NAME}/active`, '1\n');
    tree.remove('proc/fs/lustre/osd-zfs/lustrefs-OST0004');
    assert.equal((await said()).filter(([category]) => category === 0).length, 5);
  });
});

describe('an import', () => {
  it('that drops and comes back between two looks is told, with its own times', async (t) => {
    const { tree, look } = await openTree(t);
    await look();
    tree.changeImport(IMPORT, [
      [NOW_S - 3, 'DISCONN'],
      [NOW_S - 2, 'CONNECTING'],
      [NOW_S - 1, 'FULL'],
    ]);
    const traps = await look();
    assert.deepEqual(
      traps.map(({ kind, category, message, atMs, fileSystem }) => [
        kind,
        category,
        message,
        atMs,
        fileSystem,
      ]),
      [
        ['raise', 1, `${NAME}: connection lost (DISCONN)`, NOW_MS - 3000, 'lustrefs'],
        ['clear', 0, `${NAME}: connected again (FULL)`, NOW_MS - 1000, 'lustrefs'],
      ],
    );
    assert.deepEqual(await look(), []);
  });

  it('drops several times between two looks, also in one second, and each is told', async (t) => {
    const { tree, look } = await openTree(t);
    await look();
    const flap = Array.from({ length: 5 }, () => [
      [NOW_S, 'DISCONN'],
      [NOW_S, 'FULL'],
    ]).flat() as [number, string][];
    tree.changeImport(IMPORT, flap);
    const traps = await look();
    assert.equal(traps.length, 10);
    assert.equal(new Set(traps.map(({ id }) => id)).size, 10);
  });

  it('that is evicted or away for longer than the time-out is critical', async (t) => {
    const { tree, said, clock } = await openTree(t);
    await said();
    tree.changeImport(IMPORT, [[NOW_S, 'DISCONN']]);
    assert.deepEqual(await said(), [[1, `${NAME}: connection lost (DISCONN)`]]);
    clock.advance(99_000);
    assert.deepEqual(await said(), []);
    clock.advance(1000);
    assert.deepEqual(await said(), [[2, `${NAME}: not connected for 100 s and more`]]);
    tree.changeImport(IMPORT, [[NOW_S + 100, 'EVICTED']]);
    assert.deepEqual(await said(), []);
    tree.changeImport(IMPORT, [[NOW_S + 101, 'FULL']]);
    assert.deepEqual(await said(), [[0, `${NAME}: connected again (FULL)`]]);
    tree.changeImport(IMPORT, [[NOW_S + 102, 'EVICTED']]);
    assert.deepEqual(await said(), [[2, `${NAME}: evicted`]]);
  });

  it('has the same ids for all who read its history, however often they look', async (t) => {
    const seldom = await openTree(t);
    const often = await openTree(t);
    often.clock.advance(30_000);
    const changes: [number, string][] = [
      [NOW_S - 5, 'DISCONN'],
      [NOW_S - 4, 'EVICTED'],
      [NOW_S - 3, 'FULL'],
    ];
    await seldom.look();
    await often.look();
    for (const change of changes) {
      seldom.tree.changeImport(IMPORT, [change]);
      often.tree.changeImport(IMPORT, [change]);
      await often.look();
    }
    await seldom.look();
    const ids = [seldom, often].map(({ collector }) => collector.all().map(({ id }) => id));
    assert.equal(ids[0]!.length, 3);
    assert.deepEqual(ids[0], ids[1]);
  });

  it('that goes away while it is down is over', async (t) => {
    const { tree, said } = await openTree(t);
    await said();
    tree.changeImport(IMPORT, [[NOW_S, 'DISCONN']]);
    await said();
    tree.remove(`proc/fs/lustre/osc/${NAME}`);
    assert.deepEqual(await said(), [[0, `${NAME} is not here any more`]]);
  });
});

describe('looking at Lustre', () => {
  it('goes on after a restart of the collector: what is over is ended, what holds is not told again', async (t) => {
    const first = await openTree(t);
    await first.look();
    first.tree.write(HEALTH, 'NOT HEALTHY\n');
    first.tree.changeImport(IMPORT, [[NOW_S, 'DISCONN']]);
    first.tree.write('proc/sys/lnet/catastrophe', '1\n');
    await first.look();
    const collector = openCollector({
      remembered: rememberedFrom(first.collector),
      clock: new ManualClock(NOW_MS),
    });
    const second = await openTree(t, collector);
    second.tree.write(HEALTH, 'NOT HEALTHY\n');
    const traps = await second.said();
    assert.deepEqual(
      traps.map(([category]) => category),
      [0, 0],
    );
    const holding = collector.collector.all().filter(({ kind, over }) => kind === 'raise' && !over);
    assert.deepEqual(
      holding.map(({ message }) => message),
      ['Lustre is NOT HEALTHY'],
    );
  });

  it('calls nothing well that it cannot see any more', async (t) => {
    const { tree, said } = await openTree(t);
    const devices = 'sys/kernel/debug/lustre/devices';
    tree.write(HEALTH, 'LBUG\n');
    tree.write(devices, '  4 ST mds lustrefs-MDT0000 lustrefs-MDT0000_UUID 7\n');
    tree.write('proc/fs/lustre/obdfilter/lustrefs-OST0000/degraded', '1\n');
    assert.equal((await said()).length, 3);
    tree.remove(HEALTH);
    tree.remove(devices);
    execFileSync('mkfifo', [tree.path(devices)]);
    tree.remove('proc/fs/lustre/obdfilter/lustrefs-OST0000');
    tree.remove('proc/fs/lustre/osd-zfs/lustrefs-OST0000');
    assert.deepEqual(await said(), [
      [0, 'lustrefs-OST0000 is not here any more'],
      [1, `${tree.path(devices)} cannot be read: it is no regular file`],
    ]);
    for (const path of ['sys', 'proc']) tree.remove(path);
    const unloaded = (await said()).map(([, message]) => message);
    assert.ok(
      unloaded.includes('not any more, as Lustre was unloaded: Lustre hit a bug (LBUG)'),
      unloaded.join('; '),
    );
  });

  it('tells when its modules are unloaded, and when they are back', async (t) => {
    const { tree, said } = await openTree(t);
    await said();
    tree.changeImport(IMPORT, [[NOW_S, 'DISCONN']]);
    await said();
    const recorded = new LustreTree();
    for (const path of ['sys', 'proc']) tree.remove(path);
    assert.deepEqual(await said(), [
      [0, `${NAME} is not here any more`],
      [1, 'Lustre is not there any more: its modules were unloaded'],
    ]);
    tree.write(HEALTH, recorded.read(HEALTH));
    recorded.close();
    assert.deepEqual(await said(), [[0, 'Lustre is there again']]);
  });

  it('says nothing of a machine without Lustre', async (t) => {
    const { tree, said, collector } = await openTree(t);
    for (const path of ['sys', 'proc']) tree.remove(path);
    assert.deepEqual(await said(), []);
    assert.equal(collector.nodes.size, 0);
  });

  it('takes a FIFO in the place of a file for what it is, and goes on', async (t) => {
    const { tree, said } = await openTree(t);
    await said();
    tree.remove(IMPORT);
    execFileSync('mkfifo', [tree.path(IMPORT)]);
    assert.deepEqual(await said(), [
      [1, `${tree.path(IMPORT)} cannot be read: it is no regular file`],
    ]);
    tree.write(HEALTH, 'LBUG\n');
    assert.deepEqual(await said(), [[3, 'Lustre hit a bug (LBUG)']]);
  });

  it('bears files that are huge, binary, empty or nonsense', async (t) => {
    const { tree, said } = await openTree(t);
    await said();
    const noise = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 256));
    tree.write(IMPORT, noise);
    tree.write(RECOVERY, '');
    tree.write('proc/sys/lnet/catastrophe', '9'.repeat(100));
    tree.write('proc/fs/lustre/mgs/MGS/filesystems', `${'x'.repeat(300)}\n../../etc\n\0\n`);
    tree.write('sys/kernel/debug/lustre/devices', Buffer.alloc(3 << 20, 'device '));
    assert.deepEqual(await said(), []);
    tree.write(HEALTH, '\u001b[31mburning\n');
    assert.deepEqual(await said(), [
      [1, 'health_check says nothing that is known: \u001b[31mburning'],
    ]);
  });

  it('happens at whole multiples of the interval, so that two collectors agree on changes', async (t) => {
    const pollMs = 800;
    const tree = new LustreTree();
    const collectors = [openCollector().collector, openCollector().collector];
    const sources = collectors.map(
      (sink, index) =>
        new Lustre({
          ...{ root: tree.root, pollMs, files, sink, node: 'oss1', boot: 'b', holding: [] },
          nowMs: () => NOW_MS + index * 30_000,
          bootMs: () => performance.now(),
          onTaken: () => {},
          onFault: (problem) => assert.fail(problem),
          onNone: () => assert.fail('there is one'),
        }),
    );
    t.after(async () => {
      await Promise.all(sources.map((source) => source.close()));
      tree.close();
    });
    await until('both have looked', () => collectors.every(({ nodes }) => nodes.size > 0));
    for (const [index, text] of ['NOT HEALTHY\n', 'LBUG\n', 'healthy\n'].entries()) {
      // Amid two looks, whenever that is, and however late this wakes.
      do await setTimeout(1.5 * pollMs - (performance.now() % pollMs));
      while (Math.abs((performance.now() % pollMs) - pollMs / 2) > pollMs / 4);
      tree.write(HEALTH, text);
      await until('both have seen it', () => collectors.every(({ size }) => size === index + 1));
    }
    const [ids, others] = collectors.map((collector) => collector.all().map(({ id }) => id));
    assert.deepEqual(ids, others);
  });
});
