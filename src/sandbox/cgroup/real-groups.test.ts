/** The kernel's own control groups, of whichever versions this machine has. Needs to make groups. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '#base';
import { isAlive, until } from '../starter-world.ts';
import type { AttemptGroup } from './attempt-group.ts';
import { AttemptGroups } from './attempt-groups.ts';
import { kernelFiles } from './group-files.ts';
import { findHierarchies, type Hierarchy } from './hierarchies.ts';
import { clearGroups } from './leftovers.ts';
import { type GroupLimits, NO_LIMITS } from './limits.ts';

const MIB = 2 ** 20;

const trees = findHierarchies(
  {
    cgroup: readFileSync('/proc/self/cgroup', 'utf8'),
    mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'),
  },
  kernelFiles,
);

/** Why a test cannot run here, or false. */
function lacking(wanted: {
  versions: readonly number[];
  controllers: readonly string[];
}): string | false {
  const some = trees.filter(({ version }) => wanted.versions.includes(version));
  if (process.getuid?.() !== 0) return 'only root may make groups here';
  if (some.length === 0) return `no control groups of version ${wanted.versions.join(' or ')}`;
  const has = new Set(some.flatMap(({ controllers }) => controllers));
  const missing = wanted.controllers.filter((name) => !has.has(name as never));
  return missing.length > 0 && `the kernel offers no ${missing.join(', ')} in this version`;
}

interface World {
  readonly groups: AttemptGroups;
  readonly name: string;
  /** Makes the group `job` and runs a shell command in it, which joins by itself first. */
  run(
    command: string,
    limits?: Partial<GroupLimits>,
    name?: string,
  ): { ended: Promise<string>; group: AttemptGroup };
}

/** Never more than 300 tasks and 512 MiB, whatever a test does. */
function open(test: TestContext, hierarchies: readonly Hierarchy[] = trees): World {
  const name = `windrow-${randomBytes(4).toString('hex')}`;
  const whole = { memoryBytes: 512 * MIB, tasks: 300 };
  const groups = new AttemptGroups({ name, clock: systemClock, whole, hierarchies });
  test.after(async () => {
    await groups.end('job');
    const { left } = await clearGroups(name, hierarchies, systemClock);
    assert.deepEqual(left, []);
  });
  const run: World['run'] = (command, limits = {}, job = 'job') => {
    const group = groups.make(job, { ...NO_LIMITS, tasks: 100, ...limits });
    const join = group.joins.map((file) => `echo 0 > '${file}' || exit 99`).join('\n');
    const child = spawn('/bin/sh', ['-c', `${join}\n${command}`], { stdio: 'ignore' });
    return { ended: endOf(child), group };
  };
  return { groups, name, run };
}

async function endOf(child: ChildProcess): Promise<string> {
  const [code, signal] = await once(child, 'close');
  return signal ?? String(code);
}

/** Two generations of daemons, all in sessions of their own, none with a parent of ours. */
const DAEMONS =
  'setsid sh -c "(sleep 60 &) ; (setsid sleep 60 &) ; sleep 60" & (env -i setsid sleep 60 &) ; sleep 60';

const families: { title: string; trees: Hierarchy[]; skip: string | false }[] = [
  {
    title: 'as they are mounted here',
    trees,
    skip: lacking({ versions: [1, 2], controllers: [] }),
  },
  {
    title: 'of version 1 alone',
    trees: trees.filter(({ version }) => version === 1),
    skip: lacking({ versions: [1], controllers: ['freezer'] }),
  },
  {
    title: 'of version 2 alone',
    trees: trees.filter(({ version }) => version === 2),
    skip: lacking({ versions: [2], controllers: [] }),
  },
];

for (const family of families) {
  describe(`control groups ${family.title}`, { skip: family.skip }, () => {
    it('end every member at once, daemons in other sessions too, and say how many', async (test) => {
      const { groups, run } = open(test, family.trees);
      const { ended: over, group } = run(DAEMONS);
      const pids = await until(() => {
        const members = groups.members('job');
        return members.length >= 6 ? members : null;
      });
      const ended = await groups.end('job');
      assert.equal(ended.killed, pids.length);
      assert.deepEqual(ended.stuck, []);
      assert.deepEqual(groups.members('job'), []);
      assert.deepEqual(pids.filter(isAlive), []);
      assert.equal(await over, 'SIGKILL');
      assert.deepEqual(groups.remove(group), []);
    });

    it('are removed with what is inside, after the worker that made them was killed', async (test) => {
      const { groups, name, run } = open(test, family.trees);
      const { group } = run(DAEMONS);
      await until(() => groups.members('job').length >= 6);
      const neighbour = `${family.trees[0]!.own}/${name}x`;
      mkdirSync(neighbour);
      test.after(() => rmdirSync(neighbour));
      const cleared = await clearGroups(name, family.trees, systemClock);
      assert.ok(cleared.killed >= 6);
      assert.deepEqual(cleared.left, []);
      assert.deepEqual(group.directories.filter(existsSync), []);
      assert.ok(existsSync(neighbour), 'a group of somebody else is gone');
    });
  });
}

describe('limits by control groups', () => {
  const skip = lacking({ versions: [1, 2], controllers: ['cpu', 'memory', 'pids'] });

  it('end a program that takes more memory than it may, and remember how much and why', {
    skip,
  }, async (test) => {
    const { groups, run } = open(test);
    // Bounded by the shell as well, for the day on which the wall does not stand.
    const { ended: over } = run('ulimit -v 400000; exec python3 -c "x = bytearray(120 << 20)"', {
      memoryHardBytes: 40 * MIB,
    });
    assert.equal(await over, 'SIGKILL');
    const { memory } = groups.measure('job');
    assert.ok(memory!.oomKills >= 1);
    assert.ok(memory!.chargedPeakBytes! > 39 * MIB && memory!.chargedPeakBytes! <= 40 * MIB);
  });

  it('let the page cache of a small program grow only to the limit, and do not end it', {
    skip,
  }, async (test) => {
    const { groups, run } = open(test);
    const { ended: over } = run(
      'dd if=/dev/zero of="$F" bs=1M count=60 2>/dev/null; rm "$F"; exit 7'.replaceAll(
        '$F',
        `/var/tmp/windrow-cache-${process.pid}`,
      ),
      {
        memoryHardBytes: 24 * MIB,
      },
    );
    assert.equal(await over, '7');
    const { memory } = groups.measure('job');
    assert.equal(memory!.oomKills, 0);
    assert.ok(memory!.workingBytes < 8 * MIB);
  });

  it('stop a fork bomb at its number of tasks while others start programs', {
    skip,
  }, async (test) => {
    const { groups, run } = open(test);
    // Every process forks until it cannot. Without the limit it would end at 2^7 processes.
    const bomb = [
      'import os, time',
      'for _ in range(7):',
      '  try: os.fork()',
      '  except OSError: pass',
      'time.sleep(60)',
    ].join('\n');
    run(`exec python3 -c '${bomb}'`, { tasks: 20 });
    await until(() => groups.measure('job').tasksNow === 20);
    assert.equal(await endOf(spawn('/bin/true')), '0');
    assert.equal((await groups.end('job')).killed, 20);
    assert.deepEqual(groups.members('job'), []);
    const { tasksPeak } = groups.measure('job');
    assert.ok(tasksPeak === null || tasksPeak === 20);
  });

  it('share CPUs in proportion to what was asked for, and count their time', {
    skip,
  }, async (test) => {
    const { groups, run } = open(test);
    test.after(() => groups.end('small'));
    // Both on one CPU, so that they are in each other's way however many the machine has.
    const spin = "exec taskset -c 0 sh -c 'while :; do :; done'";
    run(spin, { cpus: 4 });
    run(spin, { cpus: 1 }, 'small');
    const used = (job: string) => groups.measure(job).cpuUserMs! + groups.measure(job).cpuSystemMs!;
    await until(() => used('job') + used('small') > 1000);
    const ratio = used('job') / used('small');
    assert.ok(ratio > 2, `4 CPUs and 1 CPU got time in the ratio ${ratio}`);
  });

  it('hold a program below a ceiling even on an idle CPU', { skip }, async (test) => {
    const { groups, run } = open(test);
    run(`while :; do :; done`, { cpuCeiling: 0.1 });
    const beganMs = performance.now();
    await until(() => performance.now() - beganMs > 1000);
    const { cpuUserMs, cpuSystemMs } = groups.measure('job');
    const share = (cpuUserMs! + cpuSystemMs!) / (performance.now() - beganMs);
    assert.ok(share < 0.2, `it took ${share} of a CPU`);
  });

  const skipPinning = lacking({ versions: [1, 2], controllers: ['cpuset'] });
  it('pin a program to its CPUs', { skip: skipPinning }, async (test) => {
    const { groups, run } = open(test);
    run('sleep 60', { pinnedCpus: [0] });
    const [pid] = await until(() => {
      const members = groups.members('job');
      return members.length > 0 ? members : null;
    });
    const allowed = () =>
      /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1];
    await until(() => allowed() === '0');
  });

  it('say which limits the kernel refused, and keep the others', { skip }, (test) => {
    const { groups } = open(test);
    const io = {
      weight: null,
      devices: [{ device: '999:999', readBytesPerSecond: 1, writeBytesPerSecond: null }],
    };
    const group = groups.make('job', { ...NO_LIMITS, tasks: 10, pinnedCpus: [100_000], io });
    assert.ok(group.kept.has('tasks'));
    assert.ok(
      group.gaps.some(({ limit, reason }) => limit === 'cpu pinning' && reason.includes('100000')),
    );
    assert.deepEqual(groups.remove(group), []);
  });
});
