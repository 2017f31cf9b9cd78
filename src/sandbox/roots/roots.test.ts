import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { removeTree } from '#base';
import { findLauncher } from '../open-starter.ts';
import { mountsWithin } from '../place/loosen.ts';
import { findTool } from '../tool.ts';
import { openWalledField, type WalledField } from '../walls/testing.ts';

const isRoot = process.getuid?.() === 0;
const skip =
  findLauncher() === null || findTool('bwrap') === null ? 'no launcher or no bubblewrap' : false;

suite('named roots', { skip }, () => {
  let home: string;
  let tree: string;
  let field: WalledField;

  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'windrow-roots-test-'));
    chmodSync(home, 0o755);
    tree = join(home, 'tree');
    makeTree(tree);
    const image = join(home, 'tree.sqfs');
    spawnSync(findTool('mksquashfs')!, [tree, image, '-noappend', '-quiet']);
    const roots = { small: tree, packed: image, gone: join(home, 'nowhere') };
    field = await openWalledField({ roots, shared: ['/sys/kernel'] });
  });
  after(async () => {
    await field.close();
    await removeTree(home);
  });

  const command =
    'cat /etc/marker; echo x > mine && echo scratch; echo x > /etc/y || echo closed; ls /sys/kernel > mine && echo shared; ls /';

  for (const root of ['small', 'packed'] as const) {
    test(`a program in the root "${root}" sees that, its scratch, and nothing else`, async (t) => {
      if (root === 'packed' && (!isRoot || findTool('mksquashfs') === null)) {
        return t.skip('only root mounts images here');
      }
      const { stdout, plan } = await field.run('bare', command, { isolation: { root } });
      assert.match(stdout, /^from the tree\nscratch\nclosed\nshared\n/);
      assert.doesNotMatch(stdout, /\b(home|root|srv)\b/);
      assert.equal(plan.scratch, '/scratch');
      assert.equal(plan.record.root, root);
    });
  }

  test('roots that are not there are not offered, and unknown ones are refused', async () => {
    const { roots } = await field.walls.machine();
    assert.deepEqual([...roots].sort(), ['packed', 'small']);
    for (const root of ['gone', 'nonsense']) {
      await assert.rejects(field.run('bare', 'true', { isolation: { root } }), /no root called/);
    }
  });

  test('no image stays mounted when the worker ends', async () => {
    await field.walls.close();
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    assert.deepEqual(mountsWithin(field.directory, mounts), []);
  });
});

/** A shell with what it is linked to, and a file to know the tree by. */
function makeTree(tree: string): void {
  for (const folder of ['bin', 'etc', 'tmp', 'lib', 'lib64', 'usr']) {
    mkdirSync(join(tree, folder), { recursive: true });
  }
  writeFileSync(join(tree, 'etc', 'marker'), 'from the tree\n');
  const programs = ['/bin/sh', '/bin/cat', '/bin/ls'];
  for (const program of programs) {
    copyFileSync(program, join(tree, program));
    chmodSync(join(tree, program), 0o755);
    for (const [, library] of spawnSync('ldd', [program])
      .stdout.toString()
      .matchAll(/(\/\S+\.so\S*)/g)) {
      mkdirSync(join(tree, library!, '..'), { recursive: true });
      copyFileSync(library!, join(tree, library!));
      chmodSync(join(tree, library!), 0o755);
    }
  }
}
