import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { systemCodeOf } from './errors.ts';
import { makeDirectories } from './make-directories.ts';

test('a directory is made with its parents, and may be there already', (t) => {
  const base = mkdtempSync(join(tmpdir(), 'windrow-directories-'));
  t.after(() => rmSync(base, { recursive: true }));
  const path = join(base, 'a', 'b', 'c');
  makeDirectories(path, 0o700);
  makeDirectories(path, 0o700);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.equal(statSync(join(base, 'a')).mode & 0o777, 0o700);
});

test('a file in the place of a directory is told, as itself and as a parent', (t) => {
  const base = mkdtempSync(join(tmpdir(), 'windrow-directories-'));
  t.after(() => rmSync(base, { recursive: true }));
  const file = join(base, 'file');
  writeFileSync(file, '');
  const code = (expected: string) => (error: unknown) => systemCodeOf(error) === expected;
  assert.throws(() => makeDirectories(file), code('EEXIST'));
  assert.throws(() => makeDirectories(join(file, 'below')), code('ENOTDIR'));
});

// In a process of its own: what this guards against never comes back to the event loop.
test('a file system that says ENOENT of a parent that is there is asked once', async () => {
  const module = new URL('./make-directories.ts', import.meta.url).href;
  const script = `
    import { makeDirectories } from ${JSON.stringify(module)};
    try { makeDirectories('/proc/windrow/state'); } catch (error) { console.log(error.code); }`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  assert.equal((await run).stdout.trim(), 'ENOENT');
});
