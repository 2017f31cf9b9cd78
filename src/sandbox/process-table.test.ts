import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseStat, processUnits, readProcess, readVariable } from './process-table.ts';
import { temporaryFolder, until } from './starter-world.ts';

const skip = process.platform !== 'linux' && 'only Linux has this /proc';

test('a program whose name looks like other fields is read rightly', { skip }, async (t) => {
  const file = join(temporaryFolder(t), 'a) R 1 (b');
  copyFileSync('/bin/sleep', file);
  const child = spawn(file, ['100'], { detached: true, env: { FIRST: 'a=b', SECOND: '' } });
  t.after(() => child.kill('SIGKILL'));
  const row = readProcess(child.pid!)!;
  assert.deepEqual([row.pid, row.parent, row.session], [child.pid, process.pid, child.pid]);
  assert.equal(row.kernel, false);
  assert.ok(row.startTicks > 0);
  await until(() => readProcess(child.pid!)!.state === 'S');
  assert.equal(readVariable(child.pid!, 'FIRST'), 'a=b');
  assert.equal(readVariable(child.pid!, 'SECOND'), '');
  assert.equal(readVariable(child.pid!, 'THIRD'), null);
  assert.equal(readVariable(child.pid!, 'IRST'), null);
});

test('resident memory in pages agrees with what Node.js says of itself', { skip }, () => {
  const bytes = readProcess(process.pid)!.residentPages * processUnits().pageBytes;
  assert.ok(Math.abs(bytes / process.memoryUsage.rss() - 1) < 0.2, `${bytes}`);
});

test('what is no process is read as none', () => {
  for (const text of ['', '1 (sh', '1 (sh) S 1', ')']) assert.equal(parseStat(text), null);
  assert.equal(readProcess(2 ** 30), null);
});
