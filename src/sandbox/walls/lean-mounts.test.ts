/**
 * Programs begin without the mounts that their walls cover anyway. The machine keeps all of its own, also
 * where they are shared, and what is mounted or unmounted later is seen as ever. In a mount namespace of the
 * test's own.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findLauncher, openStarter } from '../open-starter.ts';
import { readProcessTable } from '../process-table.ts';
import { until } from '../starter-world.ts';
import { isAmongOwnMounts, openWalledField, testAmongOwnMounts, whyNoMounts } from './testing.ts';

const skip = whyNoMounts(['bwrap']);

const mount = (...argv: string[]) => {
  const { status, stderr } = spawnSync(argv[0]!, argv.slice(1));
  assert.equal(status, 0, String(stderr));
};
const mountPoints = () =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4]);

if (!isAmongOwnMounts) {
  test('what programs behind walls begin without stays mounted, and what is mounted later is seen', {
    skip,
  }, async () => {
    await testAmongOwnMounts(import.meta.url);
  });
} else {
  test('inside', async () => {
    mount('mount', '-t', 'tmpfs', 'none', '/dev/shm');
    // The worker's own directory lies at a place that walls cover: it is needed all the same.
    const directory = realpathSync(mkdtempSync('/dev/shm/windrow-lean-'));
    const point = realpathSync(mkdtempSync(join(tmpdir(), 'windrow-lean-')));
    const elsewhere = await openWalledField();
    const there = await openWalledField({}, 'bare', directory);
    const starter = openStarter({ launcherPath: findLauncher() });
    const looks = `cat ${point}/file /dev/shm/file 2>/dev/null; ls /dev/pts`;
    const seen = async (field = elsewhere) => {
      const site = { mountUnderScratch: ['/var/tmp'] };
      const { stdout } = await field.run(['pid'], looks, { starter, site });
      return stdout.trim().split('\n');
    };
    try {
      const before = mountPoints();
      assert.deepEqual(await seen(), ['ptmx']);
      assert.deepEqual(mountPoints(), before);
      mount('mount', '-t', 'tmpfs', 'none', point);
      writeFileSync(join(point, 'file'), 'new\n');
      assert.deepEqual(await seen(), ['new', 'ptmx']);
      mount('umount', point);
      // Kept by nobody: the same file system can be told from a new one by what is in it.
      assert.deepEqual(await seen(), ['ptmx']);
      writeFileSync('/dev/shm/file', 'of the machine\n');
      assert.deepEqual(await seen(there), ['ptmx']);
      const { plan } = await there.run(['pid'], 'true', { starter });
      const covered = plan.launch.covered ?? [];
      assert.deepEqual([covered.includes('/dev/shm'), covered.includes('/dev/pts')], [false, true]);
      assert.deepEqual(mountPoints(), before);
    } finally {
      await starter.close();
      await elsewhere.close();
      await there.close();
      rmSync(point, { recursive: true });
    }
  });

  test('a file system that is unmounted is let go of, also by a launcher that has nothing to do', async () => {
    const point = realpathSync(mkdtempSync(join(tmpdir(), 'windrow-lean-')));
    const starter = openStarter({ launcherPath: findLauncher() });
    const field = await openWalledField();
    try {
      mount('mount', '-t', 'tmpfs', 'none', point);
      await field.run(['pid'], 'true', { starter });
      assert.equal(keptMounts().length, 1);
      mount('umount', point);
      await until(() => keptMounts().length === 0);
    } finally {
      await starter.close();
      await field.close();
      rmSync(point, { recursive: true });
    }
  });
}

/** Mount namespaces that launchers of this process keep open. */
function keptMounts(): string[] {
  const launchers = readProcessTable().filter(({ parent }) => parent === process.pid);
  return launchers.flatMap(({ pid }) => {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder)
      .map((fd) => linkOf(`${folder}/${fd}`))
      .filter((link) => link.startsWith('mnt:'));
  });
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}
