import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { findLauncher } from '../open-starter.ts';
import { wayTo } from './way.ts';

suite('the way to a place', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'windrow-way-')));
  after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  symlinkSync('a', join(folder, 'link'));

  test('is every directory from the root on, and ends at what is there', () => {
    const { directories, identity } = wayTo(join(folder, 'a/b'));
    const { ino, mode } = statSync(join(folder, 'a/b'));
    assert.deepEqual(directories.map(({ path }) => path).slice(-3), [
      folder,
      join(folder, 'a'),
      join(folder, 'a/b'),
    ]);
    assert.equal(directories[0]!.path, '/');
    assert.equal(Number(directories.at(-1)!.found.mode), mode);
    assert.match(identity, new RegExp(`^\\d+:\\d+:${ino}$`));
    assert.deepEqual(wayTo('/').directories.length, 1);
  });

  test('does not lead over links, nor through files', () => {
    assert.throws(() => wayTo(join(folder, 'link/b')), { code: 'ENOTDIR' });
    assert.throws(() => wayTo(join(folder, 'link')), { code: 'ENOTDIR' });
    assert.throws(() => wayTo('/etc/passwd'), { code: 'ENOTDIR' });
    assert.throws(() => wayTo(join(folder, 'none')), { code: 'ENOENT' });
  });

  const launcher = findLauncher();
  const finds = (option: string, place: string) => {
    const argv = ['inside', option, place, '--', '/bin/pwd', 'pwd'];
    const { status, stdout } = spawnSync(launcher!, argv, { cwd: folder, stdio: 'pipe' });
    return status === 0 ? String(stdout).trim() : status;
  };

  test('the last stage runs nothing where something else is there, or nothing was mounted', {
    skip: launcher === null && 'no launcher',
  }, () => {
    // The only mount points that every machine has.
    const root = wayTo('/').identity;
    const processes = wayTo('/proc').identity;
    assert.equal(finds('--place', `${processes}:/proc`), folder);
    assert.equal(finds('--directory', `${processes}:/proc`), '/proc');
    assert.equal(finds('--place', `${root}:/proc`), 126);
    const inside = wayTo(join(folder, 'a/b')).identity;
    assert.equal(finds('--place', `${inside}:${folder}/a/b`), 126, 'not mounted');
    assert.equal(finds('--place', `${processes}:${folder}/link/b`), 126, 'over a link');
    for (const wrong of ['', ':/proc', '1:2:/proc', '1:2:3:', '1:2:3:proc', `${processes}/proc`]) {
      assert.equal(finds('--place', wrong), 126, wrong);
    }
  });
});
