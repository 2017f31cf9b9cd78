import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BoundedLogFile } from './bounded-log-file.ts';

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-log-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('a log keeps its last lines and never grows beyond twice its bound', (t) => {
  const path = join(directory(t), 'worker.log');
  for (const part of [0, 1]) {
    const log = new BoundedLogFile(path, 1000);
    for (let line = 0; line < 200; line++) log.write(`line ${part * 200 + line}\n`);
    log.close();
  }
  const all = readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8');
  assert.ok(all.length <= 2020 && all.length > 1000, `${all.length} bytes`);
  assert.ok(all.endsWith('line 398\nline 399\n'));
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a log whose directory has gone does not disturb its writer', (t) => {
  const dir = directory(t);
  const log = new BoundedLogFile(join(dir, 'worker.log'), 10);
  rmSync(dir, { recursive: true });
  for (const line of ['one\n', 'two\n', 'three\n', 'four\n']) log.write(line);
  log.close();
  assert.throws(() => readdirSync(dir));
});
