import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeTree } from '#base';
import { findLauncher } from '../open-starter.ts';
import { removeForSure } from '../place/hand.ts';
import { findTool, runTool } from '../tool.ts';
import { Journal } from './journal.ts';
import { openWalledField } from './testing.ts';

const isRoot = process.getuid?.() === 0;
const skip =
  findLauncher() === null || findTool('bwrap') === null ? 'no launcher or no bubblewrap' : false;

const KILLED = `
  import { openWalledField } from ${JSON.stringify(import.meta.resolve('./testing.ts'))};
  const field = await openWalledField({}, 'bare', process.argv[1]);
  const running = field.run('private', 'echo x > /tmp/left; sleep 1000');
  setInterval(() => {}, 1000);
  await running;
`;

function begun(directory: string): string[] {
  return new Journal(directory).unfinished().map(({ name }) => name);
}

test('what a killed worker had put up is taken down by the next one in its directory, and no more', {
  skip,
}, async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'windrow-walls-test-')));
  const child = spawn(process.execPath, ['--input-type=module', '-e', KILLED, directory], {
    stdio: 'inherit',
  });
  try {
    const left = join(directory, 'private', 'attempt-1.tmp');
    while (!existsSync(join(left, 'left'))) {
      assert.equal(child.exitCode, null);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    mkdirSync(join(directory, 'mine'));
    writeFileSync(join(directory, 'mine', 'file'), '');
    assert.deepEqual(begun(directory).sort(), ['attempt-1', 'shared']);
    const next = await openWalledField({}, 'bare', directory);
    assert.equal(existsSync(join(directory, 'private')), false);
    assert.deepEqual(begun(directory), []);
    assert.ok(existsSync(join(directory, 'mine', 'file')));
    await next.walls.close();
  } finally {
    child.kill('SIGKILL');
    await removeTree(directory);
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
