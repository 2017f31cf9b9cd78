import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openCliWorld } from './cli-world.ts';

describe('commands about windrow itself', () => {
  it('config shows each value and where it came from, but no secret', async () => {
    const cli = openCliWorld({
      environment: { WINDROW_SLOTS: '3', WINDROW_TOKEN: 'top-secret-token' },
    });
    mkdirSync(join(cli.directory, '.config/windrow'), { recursive: true });
    writeFileSync(join(cli.directory, '.config/windrow/windrow.conf'), '# mine\nlease = 1 min\n');
    const { stdout } = await cli.windrow('config', '--ping', '5 s');
    assert.match(stdout, /^lease +1 min +user file: .*windrow\.conf:2$/m);
    assert.match(stdout, /^slots +3 +environment: WINDROW_SLOTS$/m);
    assert.match(stdout, /^ping +5 s +command line: --ping$/m);
    assert.match(stdout, /^token +\(hidden\) +environment: WINDROW_TOKEN$/m);
    const all = (await cli.windrow('config', '--json')).stdout;
    assert.doesNotMatch(stdout + all, /top-secret/);
    const lease = JSON.parse(all).settings.find((one: { name: string }) => one.name === 'lease');
    assert.equal(lease.value, 60_000);
    cli.close();
  });

  it('errors explains a code and says which one was meant', async () => {
    const cli = openCliWorld();
    assert.match((await cli.windrow('errors', 'job_none')).stdout, /^what to do: +Submit one/m);
    const wrong = await cli.windrow('errors', 'JOB_NON');
    assert.match(wrong.stderr, /did you mean JOB_NONE\?/);
    assert.ok(JSON.parse((await cli.windrow('errors', '--json')).stdout).errors.length > 5);
    cli.close();
  });

  it('a fault of windrow shows no stack, and says where it is kept', async () => {
    const cli = openCliWorld({
      composition: {
        errorTables: async () => {
          throw new TypeError('x is not a function at http://h/?sessionID=abcdef');
        },
      },
    });
    mkdirSync(join(cli.directory, 'state'));
    const { code, stderr } = await cli.windrow('errors');
    assert.equal(code, 70);
    assert.doesNotMatch(stderr, / at .*\.ts|abcdef/);
    const log = /Details are in (\S+);/.exec(stderr)![1]!;
    const kept = readFileSync(log, 'utf8');
    assert.match(kept, /TypeError: x is not a function[\s\S]*commands\.test\.ts/);
    assert.doesNotMatch(kept, /abcdef/);
    cli.close();
  });
});
