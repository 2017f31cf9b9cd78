import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Machine } from '../node-file.ts';
import { crowdOf, localSsh } from '../testing/local-ssh.ts';
import { execMachines } from './machines.ts';

test('a command runs as it is written; lines, exit codes and cut output come back', async (t) => {
  const ssh = localSsh(t);
  const lines: string[] = [];
  const run = async (words: string[], more: { mostBytes?: number; timeoutMs?: number } = {}) => {
    lines.length = 0;
    const plan = {
      words,
      mostBytes: 1000,
      timeoutMs: 0,
      onLine: (_: Machine, line: string) => void lines.push(line),
      ...more,
    };
    const onErrorLine = (_: Machine, line: string) => void lines.push(`! ${line}`);
    const [result] = await execMachines(crowdOf(ssh), plan, { onResult: () => {}, onErrorLine });
    return result!.value!;
  };
  assert.equal((await run(['printf', '%s|', "it's", '$HOME', 'a b', ''])).exitCode, 0);
  assert.deepEqual(lines, ["it's|$HOME|a b||"]);
  assert.equal((await run(['echo out; echo; echo err >&2; exit 3'])).exitCode, 3);
  assert.deepEqual(lines.toSorted(), ['', '! err', 'out']);
  assert.equal((await run(['exit 255'])).exitCode, 255);
  assert.equal((await run(['kill -9 $$'])).exitCode, 137);
  assert.deepEqual(await run(['yes | head -n 10000'], { mostBytes: 100 }), {
    exitCode: 0,
    isCut: true,
  });
  assert.equal(lines.length, 50);
  assert.equal((await run(['sleep 1000'], { timeoutMs: 300 })).exitCode, null);
});
