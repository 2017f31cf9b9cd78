import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Register } from './register.ts';

const TAG = 'windrow-0123abcd';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-register-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'register');
}

/** As a killed process leaves it: no process has ever had this start time. */
async function enterAndDie(folder: string): Promise<void> {
  await new Register(folder).enter(TAG, '/srv/worker');
  const path = join(folder, TAG);
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"startTime":"\d+"/, '"startTime":"1"'));
}

test('who lives is nobody’s to clear up after, and who has left is forgotten', async (t) => {
  const folder = folderOf(t);
  const register = new Register(folder);
  assert.deepEqual(register.dead(), []);
  await register.enter(TAG, '/srv/worker');
  assert.deepEqual(new Register(folder).dead(), []);
  register.leave();
  assert.deepEqual(readdirSync(folder), []);
});

test('a dead one is given to exactly one process, with its directory, and once more where it was not forgotten', async (t) => {
  const folder = folderOf(t);
  await enterAndDie(folder);
  const [dead] = new Register(folder).dead();
  assert.deepEqual([dead!.tag, dead!.directory], [TAG, '/srv/worker']);
  assert.deepEqual(new Register(folder).dead(), [], 'this process is at it');
  dead!.forget();
  assert.deepEqual(readdirSync(folder), []);
});

test('a worker waits for who clears up after the last one of its tag', async (t) => {
  const folder = folderOf(t);
  await enterAndDie(folder);
  const [dead] = new Register(folder).dead();
  const next = new Register(folder);
  let isIn = false;
  const entering = next.enter(TAG, '/srv/worker').then(() => {
    isIn = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isIn, false);
  dead!.forget();
  await entering;
  assert.ok(existsSync(join(folder, TAG)));
  next.leave();
});

test('a folder that others may write to is neither believed nor used', async (t) => {
  const folder = folderOf(t);
  await enterAndDie(folder);
  chmodSync(folder, 0o777);
  assert.deepEqual(new Register(folder).dead(), []);
  rmSync(join(folder, TAG));
  await new Register(folder).enter(TAG, '/srv/worker');
  assert.deepEqual(readdirSync(folder), []);
});

test('names that are no tags are left alone, and a folder that cannot be made keeps nobody from work', async (t) => {
  const folder = folderOf(t);
  await enterAndDie(folder);
  writeFileSync(join(folder, 'windrow-else'), readFileSync(join(folder, TAG)));
  rmSync(join(folder, TAG));
  assert.deepEqual(new Register(folder).dead(), []);
  assert.ok(existsSync(join(folder, 'windrow-else')));
  const register = new Register('/proc/nowhere/register');
  await register.enter(TAG, '/srv/worker');
  register.leave();
});
