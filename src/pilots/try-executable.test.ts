import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { tryExecutable } from './try-executable.ts';

function program(t: TestContext, script: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-try-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'windrow');
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

const FOREVER = new AbortController().signal;

test('an executable that runs says its version', async (t) => {
  const path = program(t, `[ "$*" = "version --json" ] && echo '{"version":"2.0.0","node":"v26"}'`);
  assert.equal(await tryExecutable(path, FOREVER), '2.0.0');
});

for (const [what, script, reason] of [
  [
    'lacks a library',
    'echo "libatomic.so.1: cannot open shared object file" >&2; exit 127',
    /libatomic/,
  ],
  ['says something else', 'echo hello', /hello/],
  ['is killed', 'kill -KILL $$', /SIGKILL ended it/],
] as const) {
  test(`an executable that ${what} is told with its own words`, async (t) => {
    const failing = tryExecutable(program(t, script), FOREVER);
    await assert.rejects(failing, { code: 'PILOT_EXECUTABLE_UNFIT', message: reason });
  });
}

test('a file for another platform, or none at all, is a coded error too', async (t) => {
  const path = program(t, '');
  writeFileSync(path, 'MZ\u0000');
  await assert.rejects(tryExecutable(path, FOREVER), { code: 'PILOT_EXECUTABLE_UNFIT' });
  await assert.rejects(tryExecutable(`${path}-`, FOREVER), { code: 'PILOT_EXECUTABLE_UNFIT' });
});

test('one that hangs ends with whoever tries it', async (t) => {
  const trying = tryExecutable(program(t, 'exec sleep 600'), AbortSignal.timeout(200));
  await assert.rejects(trying, { code: 'PILOT_EXECUTABLE_UNFIT' });
});
