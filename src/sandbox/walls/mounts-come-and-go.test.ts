/**
 * Mounts of the machine come and go while attempts begin, as those of networks and containers do. The test
 * has a mount namespace of its own for it, which its worker's attempts hear of as of the machine's.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAmongOwnMounts, openWalledField, testAmongOwnMounts, whyNoMounts } from './testing.ts';

/** Each mount is there for as long as a list of mounts is good for. */
const STORM = `
import ctypes, sys, time
libc, point = ctypes.CDLL(None), sys.argv[1].encode()
while True:
  libc.mount(b"none", point, b"tmpfs", 0, None)
  time.sleep(0.0005)
  libc.umount2(point, 0)
  time.sleep(0.0005)
`;
const skip = whyNoMounts(['bwrap', 'python3']);

if (!isAmongOwnMounts) {
  test('mounts that go away meanwhile keep no attempt from its walls', { skip }, async () => {
    await testAmongOwnMounts(import.meta.url);
  });
} else {
  test('inside', async () => {
    const point = mkdtempSync(join(tmpdir(), 'windrow-mounts-'));
    const mounting = spawn('python3', ['-c', STORM, point], { stdio: 'ignore' });
    const field = await openWalledField();
    try {
      for (let count = 0; count < 25; count++) {
        const { stdout, stderr } = await field.run(['readonly'], 'echo ran');
        assert.deepEqual([stdout, stderr], ['ran\n', '']);
      }
    } finally {
      mounting.kill('SIGKILL');
      await once(mounting, 'close');
      await field.close();
      while (mounted(point)) await once(spawn('umount', [point], { stdio: 'ignore' }), 'close');
      rmSync(point, { recursive: true });
    }
  });
}

function mounted(point: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${point} `);
}
