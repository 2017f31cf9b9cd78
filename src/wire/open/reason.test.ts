import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFailure } from './reason.ts';

test('a reason is read as a cause where it begins with one', () => {
  const told = (text: string) => {
    const { cause, exitCode, signal } = readFailure(text);
    return [cause, exitCode, signal];
  };
  assert.deepEqual(told('exit-code 3'), ['exit-code', 3, null]);
  assert.deepEqual(told('signal 9'), ['signal', null, 'SIGKILL']);
  assert.deepEqual(told('signal SIGSEGV'), ['signal', null, 'SIGSEGV']);
  assert.deepEqual(told('signal constructor'), ['signal', null, null]);
  assert.deepEqual(told('timeout'), ['timeout', null, null]);
  assert.deepEqual(told('missing-result energy'), ['missing-result', null, null]);
  assert.deepEqual(told('it just broke'), ['exit-code', null, null]);
  for (const claimed of ['ok', 'superseded', 'held', 'worker-lost', 'invalid-result']) {
    assert.equal(readFailure(claimed).cause, 'exit-code', 'not for a client to say');
  }
  assert.equal(readFailure('').reason, 'the client gave no reason');
  assert.equal(readFailure('a\nb\u001b[2Jc').reason, 'a b [2Jc');
  assert.ok(readFailure('x'.repeat(10_000)).reason.length <= 2000);
});
