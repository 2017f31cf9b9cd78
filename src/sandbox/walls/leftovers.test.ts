import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeTree } from '#base';
import { ownHierarchies } from '../cgroup/hierarchies.ts';
import { findLauncher } from '../open-starter.ts';
import { removeForSure } from '../place/hand.ts';
import { until } from '../starter-world.ts';
import { findTool, runTool } from '../tool.ts';
import { Journal } from './journal.ts';
import { tagOf } from './open-walls.ts';
import { openWalledField } from './testing.ts';

const isRoot = process.getuid?.() === 0;
const skip =
  findLauncher() === null || findTool('bwrap') === null ? 'no launcher or no bubblewrap' : false;

const KILLED = `
  import { openWalledField } from ${JSON.stringify(import.meta.resolve('./testing.ts'))};
  const field = await openWalledField({}, 'bare', process.argv[1], {}, process.argv[2]);
  const running = field.run('private', 'echo x > /tmp/left; sleep 1000');
  setInterval(() => {}, 1000);
  await running;
`;

function begun(directory: string): string[] {
  return new Journal(directory).unfinished().map(({ name }) => name);
}

function temporary(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'windrow-walls-test-')));
}

/** A worker in `directory` whose attempt runs. */
async function workerIn(directory: string, register = join(directory, 'register')) {
  const argv = ['--input-type=module', '-e', KILLED, directory, register];
  const child = spawn(process.execPath, argv, { stdio: 'inherit' });
  const left = join(directory, 'private', 'attempt-1.tmp', 'left');
  await until(() => child.exitCode !== null || existsSync(left));
  assert.equal(child.exitCode, null);
  return {
    kill: async () => {
      child.kill('SIGKILL');
      if (child.signalCode === null) await once(child, 'exit');
    },
  };
}

function groupsOf(directory: string): string[] {
  const tag = tagOf(directory);
  return ownHierarchies()
    .flatMap(({ own, mountPoint }) => [`${own}/${tag}`, `${mountPoint}/${tag}`])
    .filter((path) => existsSync(path));
}

test('what a killed worker had put up is taken down by the next one in its directory, and no more', {
  skip,
}, async () => {
  const directory = temporary();
  const worker = await workerIn(directory);
  try {
    await worker.kill();
    mkdirSync(join(directory, 'mine'));
    writeFileSync(join(directory, 'mine', 'file'), '');
    assert.deepEqual(begun(directory).sort(), ['attempt-1', 'shared']);
    const next = await openWalledField({}, 'bare', directory);
    assert.equal(existsSync(join(directory, 'private')), false);
    assert.deepEqual(begun(directory), []);
    assert.ok(existsSync(join(directory, 'mine', 'file')));
    await next.walls.close();
  } finally {
    await worker.kill();
    await removeTree(directory);
  }
});

test('what a killed worker left outside of its directory is removed by a worker of any other, and nothing of a living one', {
  skip: skip || (!isRoot && 'only root has cgroups everywhere'),
}, async () => {
  const [register, dead, alive, here] = [temporary(), temporary(), temporary(), temporary()];
  const workers = [await workerIn(dead, register), await workerIn(alive, register)];
  try {
    const left = groupsOf(dead);
    assert.ok(left.length > 0);
    await workers[0]!.kill();
    assert.deepEqual(groupsOf(dead), left, 'a killed worker removes nothing');
    assert.equal(readdirSync(register).length, 2);
    const next = await openWalledField({}, 'bare', here, {}, register);
    assert.deepEqual(groupsOf(dead), []);
    assert.match(next.complaints.join('\n'), new RegExp(`removed the cgroup .*${tagOf(dead)}`));
    assert.ok(groupsOf(alive).length > 0, 'the groups of a living worker are gone');
    // Files are for who works there next.
    assert.ok(existsSync(join(dead, 'private', 'attempt-1.tmp', 'left')));
    await next.walls.close();
    assert.deepEqual(readdirSync(register), [tagOf(alive)]);
  } finally {
    for (const worker of workers) await worker.kill();
    const last = await openWalledField({}, 'bare', here, {}, register);
    await last.walls.close();
    assert.deepEqual([groupsOf(alive), readdirSync(register)], [[], []]);
    for (const path of [register, dead, alive, here]) await removeTree(path);
  }
});

test('immutable names and mounts do not keep a directory from being removed', {
  skip: !isRoot && 'only root makes them',
}, async (t) => {
  const chattr = findTool('chattr');
  const mount = findTool('mount');
  if (chattr === null || mount === null) return t.skip('chattr or mount is missing');
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'windrow-walls-test-')));
  mkdirSync(join(directory, 'a b', 'c'), { recursive: true });
  writeFileSync(join(directory, 'a b', 'file'), '');
  await runTool([chattr, '+i', join(directory, 'a b', 'file')]);
  await runTool([mount, '-t', 'tmpfs', 'none', join(directory, 'a b', 'c')]);
  await assert.rejects(removeTree(directory));
  await removeForSure(directory);
  assert.equal(existsSync(directory), false);
});
