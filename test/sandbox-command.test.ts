/** `windrow sandbox` as by hand: what it prints, and how it ends. As root and as anybody else. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { findLauncher, findTool } from '#sandbox';
import { type Installation, installForTest } from './installed-program.ts';

const skip =
  findLauncher() === null || findTool('bwrap') === null ? 'no launcher or bubblewrap' : false;

suite('windrow sandbox', { skip }, () => {
  let place: Installation;
  let own: string;
  before(() => {
    place = installForTest();
    chmodSync(place.directory, 0o755);
    own = mkdtempSync(join(tmpdir(), 'windrow-sandbox-'));
  });
  after(() => {
    place.remove();
    rmSync(own, { recursive: true });
  });

  /** The machine's own tree does for a root that another one has: it is mounted entry by entry. */
  const windrow = (...argv: string[]) =>
    place.run('env', 'WINDROW_ROOTS=self=/', join(place.directory, 'bin', 'windrow'), ...argv);
  const sandbox = (...argv: string[]) => windrow('sandbox', ...argv);

  test('runs a command in a root, in its scratch there, and ends as the command does', async () => {
    const does = 'pwd; echo x > mine && cat mine; cat < /dev/null; exit 7';
    const { code, stdout, stderr } = await sandbox('run', '--root', 'self', '--', 'sh', '-c', does);
    assert.deepEqual([code, stdout, stderr], [7, '/scratch\nx\n', '']);
  });

  test('says what it was held to, and what it had', async () => {
    const hog = 'x=$(head -c 200000000 /dev/zero | tr "\\0" x); sleep 60';
    const options = ['--scratch', '--memory', '50MB', '--report', '-'];
    const { code, stderr } = await sandbox('run', ...options, '--', 'sh', '-c', hog);
    assert.equal(code, 137, stderr);
    assert.match(
      stderr,
      /windrow: sh was held to its 47\.7 MiB of memory; it wanted (more|[\d.]+ MiB)/,
    );
    const { walls } = JSON.parse(stderr.slice(stderr.indexOf('{')));
    assert.ok(walls.had.includes('pid') && walls.had.includes('files'), String(walls.had));
  });

  test('prints what it would do, and does none of it', async () => {
    const { code, stdout } = await sandbox('plan', '--scratch', '--walls', 'full', '--', 'true');
    assert.equal(code, 0);
    assert.match(stdout, /Then it runs:\n.*bwrap\n {2}--die-with-parent\n/);
    assert.match(stdout, /network: none\n/);
  });

  test('refuses what this machine cannot, with the reason, and runs nothing', async () => {
    for (const [options, said] of [
      [['--root', 'rhel5'], /no root called "rhel5"; it has: self\n/],
      [['--write', join(own, 'missing')], /there is no directory .*missing\n/],
    ] as const) {
      const { code, stdout, stderr } = await sandbox('run', ...options, '--', 'echo', 'ran');
      assert.notEqual(code, 0);
      assert.equal(stdout, '');
      assert.match(stderr, said);
    }
  });
});
