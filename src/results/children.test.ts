/** This room's ports as the sandbox fills them, for the tests; with a test of their own. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { openLineProcess, openStarter } from '#sandbox';
import type { OpenLineProcess, UserCodePorts } from './port.ts';

const lineProcess: OpenLineProcess = ({ onEnd, ...request }) =>
  openLineProcess({
    ...request,
    onEnd: ({ message, stdout, stderr }) =>
      onEnd({ reason: message, stdout: stdout.text, stderr: stderr.text }),
  });

export function testPorts(temporaryDirectory: string): UserCodePorts {
  return {
    openLineProcess: lineProcess,
    openStarter: () => openStarter({ launcherPath: null }),
    environment: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
    temporaryDirectory,
    nonce: randomUUID,
  };
}

test('a child answers lines on descriptor 3 and its end has a reason and what it printed', async () => {
  const lines: string[] = [];
  const ends: { reason: string; stderr: string }[] = [];
  const child = lineProcess({
    argv: ['/bin/sh', '-c', 'read x; echo "got $x" >&3; echo no >&2; exit 4'],
    directory: '/',
    environment: {},
    memoryBytes: 0,
    onLine: (line) => lines.push(line),
    onEnd: (end) => ends.push(end),
  });
  child.send('hello');
  await child.closed;
  assert.deepEqual(lines, ['got hello']);
  assert.equal(ends.length, 1);
  assert.match(ends[0]!.reason, /4/);
  assert.equal(ends[0]!.stderr, 'no\n');
});
