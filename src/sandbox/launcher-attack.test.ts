/** The launcher's protocol under attack. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import fc from 'fast-check';
import { buildLauncher } from './launcher-build.ts';
import { encodeKill, encodeWithdraw } from './launcher-frames.ts';
import { frameOf, large } from './launcher-world.ts';
import { findLauncher, openStarter } from './open-starter.ts';
import type { StartFailure } from './port.ts';
import { PATH, sh, start } from './starter-world.ts';

const launcherPath = findLauncher();
const skip = launcherPath === null ? 'the launcher is not built (no C compiler?)' : false;

suite('the protocol under attack', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-test-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const checked = join(folder, 'checked');
  const flags = ['-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const refused = buildLauncher(checked, flags);

  test('no bytes crash the launcher', { timeout: 120_000 }, () => attack(launcherPath!, 150));
  test(
    'no bytes make it touch memory that is not its own',
    {
      skip: refused !== null && 'this compiler has no sanitizers',
      timeout: 120_000,
    },
    () => attack(checked, 60),
  );
  test('the whole suite of ends passes under the sanitizers', {
    skip: refused !== null && 'this compiler has no sanitizers',
  }, async (t) => {
    const starter = openStarter({ launcherPath: checked });
    t.after(() => starter.close());
    assert.equal((await sh(starter, '(setsid sleep 100 &); sleep 0.05; exit 3')).end.exitCode, 3);
    assert.equal(
      (await sh(starter, 'trap "" TERM; sleep 100; sleep 100', { timeoutMs: 50, killGraceMs: 50 }))
        .end.signal,
      'SIGKILL',
    );
    assert.equal((await sh(starter, 'head -c 1000000 /dev/zero')).stdout.length, 1_000_000);
    const missing = (await start(starter, 'nothing', []).ended) as StartFailure;
    assert.equal(missing.code, 'ENOENT');
    assert.equal(
      (await sh(starter, ':', { environment: { PATH, ...large(10, 100_000) } })).end.exitCode,
      0,
    );
  });
});

/** Sound frames, sound frames with a few bytes changed or cut off, lengths that lie, and noise. */
function hostileBytes(): fc.Arbitrary<Uint8Array> {
  const sound = fc.constantFrom(
    // Programs that do no harm whatever their arguments become.
    frameOf('', { file: '/bin/true', argv: ['true', 'argument'] }),
    frameOf('', { file: '/bin/sleep', argv: ['sleep', '0.01'], timeoutMs: 5 }),
    frameOf('', { file: '/nothing/here' }),
    encodeKill(0, 0),
    encodeKill(0, 3),
    encodeWithdraw(0),
  );
  const changed = fc
    .tuple(sound, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }), fc.nat(200))
    .map(([frame, changes, cut]) => {
      const bytes = Buffer.from(frame);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes.subarray(0, Math.max(1, bytes.length - (cut < 100 ? 0 : cut - 100)));
    });
  const lying = fc
    .tuple(
      fc.constantFrom(0, 1, 23, 24, 27, 8_388_608, 8_388_609, 0x7fffffff, 0xffffffff),
      fc.nat(4),
      fc.uint8Array({ maxLength: 100 }),
    )
    .map(([length, kind, rest]) => {
      const bytes = Buffer.alloc(5 + rest.length);
      bytes.writeUInt32LE(length);
      bytes[4] = kind;
      bytes.set(rest, 5);
      return bytes;
    });
  const noise = fc.uint8Array({ maxLength: 300 });
  const piece = fc.oneof(sound, changed, lying, noise);
  return fc.array(piece, { maxLength: 6 }).map((pieces) => Buffer.concat(pieces));
}

function attack(path: string, runs: number): void {
  fc.assert(
    fc.property(hostileBytes(), (bytes) => {
      const result = spawnSync(path, { input: bytes, timeout: 20_000 });
      assert.equal(result.signal, null);
      assert.ok(result.status === 0 || result.status === 65, `${result.status}: ${result.stderr}`);
      assert.equal(result.stderr.toString(), '');
    }),
    { numRuns: runs },
  );
}
