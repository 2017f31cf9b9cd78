/** The kernel's own cgroups, of whichever versions this machine has. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext, test } from 'node:test';
import { systemClock } from '#base';
import { type ResourceRequest, usageOf } from '#model';
import { isAlive, until } from '../starter-world.ts';
import type { CgroupSettings } from '../walls/ground.ts';
import type { Exceeded, Remains, Settled } from '../walls/part.ts';
import { ALL_WALLS, groundWith, plotFor } from './cgroup-world.ts';
import { ioLimits } from './disks.ts';
import { membersOf } from './end-members.ts';
import { kernelFiles } from './group-files.ts';
import { type Hierarchy, ownHierarchies } from './hierarchies.ts';
import type { IoLimits } from './limits.ts';
import { measureGroup } from './measure.ts';
import { createCgroupPart } from './part.ts';
import type { CgroupFacts } from './probe.ts';
import { assignRoles, type Roles } from './roles.ts';

const MIB = 2 ** 20;

const trees = ownHierarchies();

/** Why a test cannot run here, or false. */
function lacking(versions: readonly number[], controllers: readonly string[] = []): string | false {
  const some = trees.filter(({ version }) => versions.includes(version));
  if (process.getuid?.() !== 0) return 'only root may make cgroups here';
  if (some.length === 0) return `no cgroups of version ${versions.join(' or ')}`;
  const has = new Set<string>(some.flatMap((tree) => tree.controllers));
  const missing = controllers.filter((name) => !has.has(name));
  return missing.length > 0 && `the kernel offers no ${missing.join(', ')} in this version`;
}

interface Run {
  readonly roles: Roles;
  /** Signal or exit code. */
  readonly over: Promise<string>;
  /** Resolves when a limit has been exceeded. */
  readonly exceeded: Promise<Exceeded>;
  members(): number[];
  settle(): Promise<Remains & Settled>;
  undo(): Promise<void>;
}

interface World {
  readonly tag: string;
  readonly part: ReturnType<typeof createCgroupPart>;
  clear(): Promise<readonly string[]>;
  /** Puts the walls up and runs a shell command behind them, which joins by itself first. */
  run(command: string, request?: Partial<ResourceRequest>, more?: Partial<Placing>): Promise<Run>;
}

interface Placing {
  readonly name: string;
  readonly cpus: readonly number[];
}

/** No attempt ever gets more than 100 tasks, whatever a test does. */
async function open(
  test: TestContext,
  hierarchies: readonly Hierarchy[] = trees,
  settings: Partial<CgroupSettings> = {},
): Promise<World> {
  const world = { files: kernelFiles, findTrees: () => hierarchies, isRoot: true };
  const part = createCgroupPart({ ...world, clock: systemClock, giveUpMs: 10_000 });
  const ground = groundWith(settings);
  const facts = (await part.probe(ground)).facts as CgroupFacts;
  for (const operation of part.prepare!(ground, facts)) await part.carryOut(operation);
  test.after(async () => void (await part.clear(ground)));
  return {
    tag: ground.tag,
    part,
    clear: () => part.clear(ground),
    run: async (command, request, { name = 'job', cpus = [] } = {}) => {
      const plan = part.plan(plotFor(name, request, cpus), ALL_WALLS, ground, facts)!;
      const { operations } = plan;
      for (const operation of operations) await part.carryOut(operation);
      const roles = assignRoles(operations.filter((operation) => operation.do === 'make'));
      const joins = plan.cgroups!.map((file) => `echo 0 > '${file}' || exit 99`);
      const child = spawn('/bin/sh', ['-c', [...joins, command].join('\n')], { stdio: 'ignore' });
      const over = endOf(child);
      const { promise: exceeded, resolve } = Promise.withResolvers<Exceeded>();
      const stop = part.watch!(operations, resolve);
      return {
        roles,
        over,
        exceeded,
        members: () => membersOf(roles.members!.path, kernelFiles),
        settle: async () => {
          stop();
          return { ...(await part.endRemains!(operations)), ...(await part.settle!(operations)) };
        },
        undo: async () => {
          for (const operation of operations.toReversed()) await part.undo(operation);
        },
      };
    },
  };
}

async function endOf(child: ChildProcess): Promise<string> {
  const [code, signal] = await once(child, 'close');
  return signal ?? String(code);
}

const used = ({ measured }: Settled) => usageOf(0, ...measured);

/** Daemons in sessions of their own, with a clean environment, and without any parent of ours. */
const DAEMONS = `setsid sh -c "(sleep 60 &) ; (setsid sleep 60 &) ; sleep 60" &
(env -i setsid sleep 60 &)
sleep 60`;

const families = [
  { title: 'as they are mounted here', trees, skip: lacking([1, 2]) },
  {
    title: 'of version 1 alone',
    trees: trees.filter(({ version }) => version === 1),
    skip: lacking([1], ['freezer']),
  },
  {
    title: 'of version 2 alone',
    trees: trees.filter(({ version }) => version === 2),
    skip: lacking([2]),
  },
];

for (const family of families) {
  describe(`cgroups ${family.title}`, { skip: family.skip }, () => {
    it('end every member at once, daemons in other sessions too, and say how many', async (test) => {
      const { run } = await open(test, family.trees);
      const job = await run(DAEMONS);
      const pids = await until(() => (job.members().length >= 6 ? job.members() : null));
      const { killed, stuck } = await job.settle();
      // A shell on its way to its daemon may have been there as well.
      assert.ok(killed >= pids.length, `${killed} of ${pids.length}`);
      assert.deepEqual(stuck, []);
      assert.deepEqual([...job.members(), ...pids.filter(isAlive)], []);
      assert.equal(await job.over, 'SIGKILL');
      await job.undo();
      assert.ok(!existsSync(job.roles.members!.path));
    });

    it('are removed, with what runs inside, after their worker was killed, and only its own', async (test) => {
      const { tag, clear, run } = await open(test, family.trees);
      const job = await run(DAEMONS);
      await until(() => job.members().length >= 6);
      const neighbour = `${family.trees[0]!.own}/${tag}0`;
      mkdirSync(neighbour);
      test.after(() => rmdirSync(neighbour));
      const said = await clear();
      assert.match(
        said.join('\n'),
        new RegExp(`removed the cgroup .*/${tag}\n[^]*killed [6-9] proc`),
      );
      assert.ok(!existsSync(job.roles.members!.path));
      assert.ok(existsSync(neighbour), 'a group of somebody else is gone');
      assert.deepEqual(await clear(), []);
    });
  });
}

describe('a cgroup', () => {
  const skip = lacking([1, 2], ['cpu', 'memory', 'pids']);

  it('ends a program that takes more memory than it may, and tells limit and peak', {
    skip,
  }, async (test) => {
    const { run } = await open(test);
    // Bounded by the shell as well, for the day on which the wall does not stand.
    const hog = 'ulimit -v 400000; exec python3 -c "x = bytearray(120 << 20)"';
    const job = await run(hog, { memoryBytes: 40 * MIB });
    assert.equal(await job.over, 'SIGKILL');
    const { exceeded } = await job.settle();
    assert.deepEqual(exceeded, { wall: 'memory', limit: 40 * MIB, peak: 40 * MIB, shared: false });
  });

  it('is one unit: a program that lost a process for lack of memory is told of', {
    skip,
  }, async (test) => {
    const { run } = await open(test);
    const hog = 'ulimit -v 400000; python3 -c "x = bytearray(120 << 20)"; sleep 60';
    const job = await run(hog, { memoryBytes: 40 * MIB });
    assert.equal((await job.exceeded).limit, 40 * MIB);
    assert.ok((await job.settle()).exceeded);
  });

  it('lets page cache grow to the limit without harm, and does not count it', {
    skip,
  }, async (test) => {
    const { run } = await open(test);
    const file = `/var/tmp/windrow-cache-${process.pid}`;
    const write = `dd if=/dev/zero of=${file} bs=1M count=60 2>/dev/null; rm ${file}`;
    const job = await run(`${write}; sleep 0.2; exit 7`, { memoryBytes: 24 * MIB });
    assert.equal(await job.over, '7');
    const settled = await job.settle();
    assert.equal(settled.exceeded, null);
    assert.ok(used(settled).memoryPeakBytes! < 12 * MIB, `${used(settled).memoryPeakBytes}`);
  });

  it('counts memory that was held only for a moment', { skip }, async (test) => {
    const { run } = await open(test);
    const job = await run('exec python3 -c "x = bytearray(50 << 20)"', { memoryBytes: 200 * MIB });
    assert.equal(await job.over, '0');
    const { memoryPeakBytes } = used(await job.settle());
    assert.ok(memoryPeakBytes! >= 50 * MIB && memoryPeakBytes! < 80 * MIB, `${memoryPeakBytes}`);
  });

  it('stops a fork bomb at its number of tasks while others start programs', {
    skip,
  }, async (test) => {
    const { run } = await open(test);
    // Every process forks until it cannot. Without the limit it would end at 2^7 processes.
    const bomb = [
      'import os, time',
      'for _ in range(7):',
      '  try: os.fork()',
      '  except OSError: pass',
      'time.sleep(60)',
    ].join('\n');
    const job = await run(`exec python3 -c '${bomb}'`, { processes: 20 });
    await until(() => kernelFiles.read(`${job.roles.tasks!.path}/pids.current`)?.trim() === '20');
    assert.equal(await endOf(spawn('/bin/true')), '0');
    const settled = await job.settle();
    assert.equal(settled.killed, 20);
    assert.ok([null, 20].includes(used(settled).tasksPeak));
    assert.deepEqual(settled.exceeded, { wall: 'tasks', limit: 20, peak: 20, shared: false });
  });

  it('shares CPUs in proportion to what was asked for, and counts their time', {
    skip,
  }, async (test) => {
    const { run } = await open(test);
    // Both on one CPU, so that they are in each other's way however many the machine has.
    const spin = "exec taskset -c 0 sh -c 'while :; do :; done'";
    const large = await run(spin, { cpus: 4 });
    const small = await run(spin, { cpus: 1 }, { name: 'small' });
    const cpuMs = ({ roles }: Run) => {
      const { cpuUserMs, cpuSystemMs } = measureGroup(roles, kernelFiles);
      return cpuUserMs! + cpuSystemMs!;
    };
    await until(() => cpuMs(large) + cpuMs(small) > 1000);
    const ratio = cpuMs(large) / cpuMs(small);
    assert.ok(ratio > 2, `4 CPUs and 1 CPU got time in the ratio ${ratio}`);
  });

  it('holds a program below a ceiling even on an idle CPU', { skip }, async (test) => {
    const { run } = await open(test, trees, { cpuCeiling: true });
    const job = await run('while :; do :; done', { cpus: 0.1 });
    const beganMs = performance.now();
    await until(() => performance.now() - beganMs > 1000);
    const { cpuUserMs, cpuSystemMs } = used(await job.settle());
    const share = (cpuUserMs! + cpuSystemMs!) / (performance.now() - beganMs);
    assert.ok(share < 0.2, `it took ${share} of a CPU`);
  });

  const skipPinning = lacking([1, 2], ['cpuset']);
  it('pins a program to CPUs of its own', { skip: skipPinning }, async (test) => {
    const { run } = await open(test);
    const job = await run('sleep 60', {}, { cpus: [0] });
    const [pid] = await until(() => (job.members().length > 0 ? job.members() : null));
    const status = () => readFileSync(`/proc/${pid}/status`, 'utf8');
    await until(() => /^Cpus_allowed_list:\s*0$/m.test(status()));
  });
});

const disk = diskHere();

test('a disk is written no faster than its administrator allows, and freely without the limit', {
  skip: lacking([1, 2], ['io']) || (disk === null && 'temporary files are on no disk here'),
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-io-'));
  t.after(() => rmSync(directory, { recursive: true }));
  // Past the cache: version 1 does not hold back what is written later.
  const write = `dd if=/dev/zero of=${directory}/x bs=512k count=2 oflag=direct`;
  const tookMs = async (io: IoLimits | null) => {
    const { run } = await open(t, trees, { io });
    const beganMs = performance.now();
    const job = await run(write, {}, { name: io === null ? 'free' : 'held' });
    assert.equal(await job.over, '0');
    await job.settle();
    await job.undo();
    return performance.now() - beganMs;
  };
  const slow = { ...disk!.devices[0]!, writeBytesPerSecond: 2 * MIB };
  const heldMs = await tookMs({ weight: null, devices: [slow] });
  assert.ok(heldMs > 400, `${heldMs}`);
  // A machine that is busy holds it up as well, but not each time.
  let freeMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; freeMs >= heldMs && tries < 5; tries++) freeMs = await tookMs(null);
  assert.ok(freeMs < heldMs, `${freeMs} without, ${heldMs} with the limit`);
});

function diskHere(): IoLimits | null {
  try {
    return ioLimits(0, {}, { [tmpdir()]: 2 * MIB });
  } catch {
    return null;
  }
}
