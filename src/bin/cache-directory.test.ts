import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cacheDirectory } from './cache-directory.js';

/** A directory that is the cache's home while the test lasts. */
function cacheHome(t: TestContext, name = '.cache'): string {
  const home = mkdtempSync(join(tmpdir(), 'windrow-home-'));
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = join(home, name);
  t.after(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    rmSync(home, { recursive: true });
  });
  return join(home, name);
}

test('code is kept where this user alone can write', (t) => {
  const home = cacheHome(t);
  const directory = join(home, 'windrow/code');
  for (let i = 0; i < 2; i++) assert.equal(cacheDirectory(), directory);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  chmodSync(directory, 0o770);
  assert.equal(cacheDirectory(), null);
  rmSync(directory, { recursive: true });
  mkdirSync(join(home, 'elsewhere'), { mode: 0o700 });
  symlinkSync(join(home, 'elsewhere'), directory);
  assert.equal(cacheDirectory(), null);
});

test('no code is kept where there is no home', (t) => {
  cacheHome(t, 'nobody/.cache');
  assert.equal(cacheDirectory(), null);
});

const notRoot = process.getuid!() === 0 ? false : 'only root can give directories to others';

test('root leaves nothing in the home of another user, who could put other code there', {
  skip: notRoot,
}, (t) => {
  const home = cacheHome(t);
  chownSync(join(home, '..'), 4321, 4321);
  assert.equal(cacheDirectory(), null);
  assert.ok(!existsSync(home));
  // What root left there before stays where it is, and is taken no more.
  mkdirSync(join(home, 'windrow/code'), { recursive: true, mode: 0o700 });
  chownSync(home, 4321, 4321);
  chownSync(join(home, '..'), 0, 0);
  assert.equal(cacheDirectory(), null);
});
