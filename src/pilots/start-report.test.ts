import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { WindrowError } from '#base';
import { parseStartReport, writeStartReport } from './start-report.ts';

const CONNECTED = { state: 'connected', worker: 'w1', pid: 7 } as const;

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-report-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'report');
}

test('a report takes the place of an older one, whole', (t) => {
  const path = place(t);
  const facts = { code: 'X_WRONG', message: 'm'.repeat(5000), todo: 't', status: 400, facts: {} };
  writeStartReport(path, { state: 'failed', error: new WindrowError(facts) });
  const text = readFileSync(path, 'utf8');
  assert.ok(text.length <= 4000);
  const failed = parseStartReport(text);
  assert.equal(failed?.state === 'failed' && failed.error.code, 'X_WRONG');
  writeStartReport(path, CONNECTED);
  assert.deepEqual(parseStartReport(readFileSync(path, 'utf8')), CONNECTED);
});

test('into a pipe a report goes as one line, and nobody is waited for at its other end', (t) => {
  const path = place(t);
  execFileSync('mkfifo', [path]);
  writeStartReport(path, CONNECTED);
  assert.ok(statSync(path).isFIFO(), 'it was not replaced');
  const fd = openSync(path, 'r+');
  t.after(() => closeSync(fd));
  writeStartReport(path, CONNECTED);
  const bytes = Buffer.alloc(4096);
  const text = bytes.toString('utf8', 0, readSync(fd, bytes));
  assert.match(text, /^[^\n]+\n$/);
  assert.deepEqual(parseStartReport(text), CONNECTED);
});
