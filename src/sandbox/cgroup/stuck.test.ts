/**
 * Processes that SIGKILL does not end. The freezer of version 1 makes real ones: a frozen process is in
 * state D, and dies only when it is thawed.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#base';
import { type EndReport, encodeKill, encodeStart, ReportReader } from '../launcher-frames.ts';
import { findLauncher } from '../open-starter.ts';
import { isAlive, PATH, until } from '../starter-world.ts';
import { ALL_WALLS, groundWith, plotFor } from './cgroup-world.ts';
import { kernelFiles } from './group-files.ts';
import { ownHierarchies } from './hierarchies.ts';
import { createCgroupPart } from './part.ts';
import type { CgroupFacts } from './probe.ts';

const trees = ownHierarchies();
const freezer = trees.find(({ controllers }) => controllers.includes('freezer'));
const second = trees.find(({ version }) => version === 2);

const noFreezer =
  process.getuid?.() !== 0
    ? 'only root may freeze processes'
    : freezer
      ? false
      : 'there is no freezer of version 1';

/** Freezes processes in a group of the test's own; they go on, and die, with the test's end. */
function freeze(test: TestContext): { add(pid: number): void; thaw(): void } {
  const group = `${freezer!.own}/windrow-test-${randomBytes(4).toString('hex')}`;
  const pids: number[] = [];
  mkdirSync(group);
  const thaw = () => writeFileSync(`${group}/freezer.state`, 'THAWED');
  test.after(async () => {
    thaw();
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await until(() => !pids.some(isAlive));
    await until(() => {
      rmdirSync(group);
      return true;
    });
  });
  return {
    add: (pid) => {
      pids.push(pid);
      writeFileSync(`${group}/cgroup.procs`, String(pid));
      writeFileSync(`${group}/freezer.state`, 'FROZEN');
    },
    thaw,
  };
}

const noHybrid = noFreezer || (second ? false : 'there is no version 2 beside it');

test('what a cgroup cannot kill is told of, with its state, and its group is left for later', {
  skip: noHybrid,
}, async (t) => {
  const world = { files: kernelFiles, findTrees: () => [second!], isRoot: true };
  const part = createCgroupPart({ ...world, clock: systemClock, giveUpMs: 200 });
  const ground = groundWith();
  const facts = (await part.probe(ground)).facts as CgroupFacts;
  for (const operation of part.prepare!(ground, facts)) await part.carryOut(operation);
  const plan = part.plan(plotFor('job'), ALL_WALLS, ground, facts)!;
  for (const operation of plan.operations) await part.carryOut(operation);
  const join = `echo 0 > '${plan.cgroups![0]}' && exec sleep 68`;
  const child = spawn('/bin/sh', ['-c', join], { stdio: 'ignore' });
  await until(() => readFileSync(`/proc/${child.pid}/comm`, 'utf8').trim() === 'sleep');
  const ice = freeze(t);
  t.after(() => part.clear(ground));
  ice.add(child.pid!);
  const { stuck } = await part.endRemains!(plan.operations);
  assert.equal(stuck.length, 1);
  assert.deepEqual(
    { pid: stuck[0]!.pid, command: stuck[0]!.command, state: stuck[0]!.state },
    { pid: child.pid, command: 'sleep', state: 'D' },
  );
  await assert.rejects(async () => part.undo(plan.operations[0]!), /could not be taken down/);
  ice.thaw();
  await once(child, 'close');
  await part.undo(plan.operations[0]!);
  assert.ok(!existsSync(plan.operations[0]!.path));
});

const launcher = findLauncher();
const noLauncher = noFreezer || (launcher ? false : 'the launcher is not built (no C compiler?)');

test('a launcher gives up what does not die, gives back what waits behind it, and runs nothing more', {
  skip: noLauncher,
}, async (t) => {
  const child = spawn(launcher!, ['--give-up', '200'], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const ends = new Map<number, EndReport>();
  const withdrawn: number[] = [];
  let output = '';
  const reader = new ReportReader({
    onHello: () => {},
    onOutput: (_, bytes) => {
      output += bytes;
    },
    onEnded: (id, end) => ends.set(id, end),
    onFailed: (id, _, stage) => stage === 'withdrawn' && withdrawn.push(id),
    onMalformed: (reason) => assert.fail(reason),
  });
  child.stdout.on('data', (bytes: Buffer) => reader.push(bytes));
  const start = (id: number, command: string) => {
    const argv = ['sh', '-c', command];
    const more = { timeoutMs: 0, killGraceMs: 0, stdin: null, onOutput: () => {} };
    const request = { file: '/bin/sh', argv, environment: { PATH }, directory: '/', ...more };
    child.stdin.write(encodeStart(id, request, 'WINDROW_START=stuck')!);
  };
  start(1, 'echo pid=$$; exec sleep 69');
  start(2, 'echo never');
  const pid = Number((await until(() => /pid=(\d+)/.exec(output)))[1]);
  const ice = freeze(t);
  ice.add(pid);
  child.stdin.write(encodeKill(1, 0));
  const end = await until(() => ends.get(1));
  assert.deepEqual(
    { abandoned: end.abandoned, killed: end.killed, signal: end.signal },
    { abandoned: true, killed: true, signal: 9 },
  );
  start(3, 'echo never');
  await until(() => withdrawn.length === 2);
  assert.deepEqual(withdrawn, [2, 3]);
  assert.ok(!output.includes('never'));
  child.stdin.end();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
