/** What can be asked of a job when no server runs any more, and what its state directory says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inField } from './field/sweep-field.ts';

describe('without a server', () => {
  it('windrow wait tells at once how a job has ended', () =>
    inField(async (field) => {
      const run = (output: string, command: string) => [
        'run',
        '--output',
        output,
        '--range',
        'i=1..2',
        '--quiet',
        '--',
        command,
      ];
      await field.must(0, ...run('good', 'echo $i'));
      await field.must(1, ...run('bad', 'test $i = 1'));
      const good = await field.must(0, 'wait', '1', '--state', 'good');
      assert.match(good.stdout, /2 done/);
      const bad = await field.must(1, 'wait', '--state', 'bad', '--json');
      assert.equal(JSON.parse(bad.stdout.trim().split('\n').at(-1)!).exitCode, 1);
    }));

  it('windrow wait refuses to wait for a job that has not ended: nothing would happen', () =>
    inField(async (field) => {
      const run = field.start(['run', '--output', 'out', '--range', 'i=1..2', '--', 'sleep 1000']);
      await run.until('a task runs', () =>
        field.processes().some(({ argv }) => argv[0] === 'sleep'),
      );
      field.killAll();
      await run.ended;
      const { stderr } = await field.must(1, 'wait', '--state', 'out');
      assert.match(stderr, /code: SERVER_NOT_RUNNING/);
    }));
});

describe('a server that is named', () => {
  it('without its token at hand is told of with the option that names it', () =>
    inField(async (field) => {
      const there = ['--server', 'http://127.0.0.1:9'];
      const run = ['run', ...there, '--range', 'i=1..2', '--', 'true'];
      for (const argv of [run, ['ls', ...there]]) {
        const { stderr } = await field.windrow(...argv);
        assert.match(stderr, /there is no token for the server http:\/\/127\.0\.0\.1:9/);
        assert.match(stderr, /--token-file FILE/);
      }
    }));
});
