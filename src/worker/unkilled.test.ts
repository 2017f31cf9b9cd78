import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { UnkilledProcesses } from './unkilled.ts';

test('processes that cannot be killed are counted until they are gone', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const unkilled = new UnkilledProcesses();
  assert.equal(unkilled.count(), 0);
  unkilled.add([child.pid!, 2 ** 30]);
  assert.deepEqual([unkilled.count(), unkilled.attempts()], [1, 1]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.deepEqual([unkilled.count(), unkilled.attempts()], [0, 0]);
});
