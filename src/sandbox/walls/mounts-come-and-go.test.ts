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
import { fileURLToPath } from 'node:url';
import { findLauncher } from '../open-starter.ts';
import { findTool } from '../tool.ts';
import { openWalledField } from './testing.ts';

const INSIDE = 'WINDROW_TEST_MOUNTS';
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
const lacking = ['bwrap', 'unshare', 'mount', 'python3'].filter((tool) => findTool(tool) === null);
const skip =
  process.getuid?.() !== 0
    ? 'only root mounts'
    : findLauncher() === null
      ? 'no launcher'
      : lacking.length > 0 && `without ${lacking.join(', ')}`;

if (process.env[INSIDE] === undefined) {
  test('mounts that go away meanwhile keep no attempt from its walls', { skip }, async () => {
    const here = fileURLToPath(import.meta.url);
    const shared = 'mount --make-rprivate / && mount --make-rshared / && exec "$@"';
    const argv = ['--mount', 'sh', '-c', shared, 'sh', process.execPath, '--test', here];
    const environment = { PATH: process.env.PATH, HOME: tmpdir(), [INSIDE]: '1' };
    const child = spawn('unshare', argv, {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (bytes) => {
      said += bytes;
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 0, said);
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
