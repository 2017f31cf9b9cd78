import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAlive, until } from './starter-world.ts';
import { runTool } from './tool.ts';

describe('a tool of the system', () => {
  it('gets its input and environment and nothing else, and says what it prints', async () => {
    const script = 'cat; echo "$COLOUR ${HOME-none}"';
    const options = { input: 'hay ', environment: { COLOUR: 'green' } };
    const result = await runTool(['/bin/sh', '-c', script], options);
    assert.deepEqual(result, { exitCode: 0, stdout: 'hay green none\n', stderr: '', fault: '' });
  });

  it('that fails tells its last line', async () => {
    const { exitCode, fault } = await runTool(['/bin/sh', '-c', 'echo one; echo two >&2; exit 3']);
    assert.deepEqual({ exitCode, fault }, { exitCode: 3, fault: 'two' });
  });

  it('that hangs is ended with the processes that it started', async () => {
    const script = 'sleep 1000 & echo $!; wait';
    const result = await runTool(['/bin/sh', '-c', script], { timeoutMs: 1500 });
    assert.equal(result.exitCode, null);
    assert.match(result.fault, /took longer than 1500 ms|took longer than 1\.5 s/);
    await until(() => !isAlive(Number(result.stdout)));
  });

  it('that leaves somebody its output is not waited for without end', async () => {
    const { fault } = await runTool(['/bin/sh', '-c', 'setsid sleep 5 & exit 0']);
    assert.equal(fault, '');
  });

  it('that is not there is a fault, not an exception', async () => {
    const { exitCode, fault } = await runTool(['/nonexistent/tool']);
    assert.equal(exitCode, null);
    assert.match(fault, /ENOENT/);
  });
});
