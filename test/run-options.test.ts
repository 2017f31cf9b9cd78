import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RunOptions, ServeOptions } from '#cli';
import { errorTables } from '../src/bin/composition.ts';
import { openCliWorld } from './cli-world.ts';

async function asked(environment: Record<string, string>, ...argv: string[]) {
  const cli = openCliWorld({ environment });
  const said = await cli.windrow(...argv);
  const options = cli.asked[0]?.options as RunOptions & ServeOptions;
  const part = cli.asked[0]?.part;
  cli.close();
  return { ...said, part, options, directory: cli.directory };
}

describe('windrow run', () => {
  it('is asked for with everything as values, nothing of it as text with a unit', async () => {
    const line = [
      '--range',
      'a=1..3',
      '--set',
      'b=x',
      '--timeout',
      '2 min',
      '--memory',
      '1 GiB',
      '--output',
      'out',
    ];
    const { options, part, directory } = await asked(
      {},
      'run',
      ...line,
      '--slots',
      '0',
      '--',
      'prog',
      '$a',
    );
    assert.equal(part, 'run');
    assert.deepEqual(options.words, ['prog', '$a']);
    assert.deepEqual(options.axes, [
      { kind: 'range', text: 'a=1..3' },
      { kind: 'set', text: 'b=x' },
    ]);
    assert.deepEqual(
      [options.timeoutMs, options.memoryBytes, options.slots],
      [120_000, 2 ** 30, 0],
    );
    assert.equal(options.output, join(directory, 'out'));
    assert.deepEqual([options.server, options.listen, options.stateDirectory], [null, null, null]);
    assert.deepEqual(
      [options.retries, options.name, options.collect],
      [undefined, undefined, undefined],
    );
  });

  it('takes its server from the environment, but not where to listen and to keep its state', async () => {
    const environment = {
      WINDROW_SERVER: 'http://h:1',
      WINDROW_LISTEN: '0.0.0.0:1',
      WINDROW_STATE: '/srv/w',
    };
    const { options } = await asked(environment, 'run', 'sweep.toml');
    assert.deepEqual(
      [options.server, options.listen, options.stateDirectory],
      ['http://h:1', null, null],
    );
    assert.equal(options.tokenFile, '/srv/w/admin-token');
    const given = await asked(
      environment,
      'run',
      'sweep.toml',
      '--listen',
      '[::1]:0',
      '--state',
      '/x',
    );
    assert.deepEqual(given.options.listen, { host: '::1', port: 0 });
    assert.equal(given.options.stateDirectory, '/x');
  });

  it('is refused with 2 when it is unclear what to run', async () => {
    for (const line of [[], ['a.toml', '--', 'c'], ['a.toml', 'b.toml'], ['--', 'c', '--range']]) {
      const { code, part } = await asked({}, 'run', ...line);
      assert.deepEqual(
        [code, part],
        line.at(-1) === '--range' ? [0, 'run'] : [2, undefined],
        String(line),
      );
    }
  });
});

describe('windrow serve', () => {
  it('takes address and state from the settings', async () => {
    const { options, part } = await asked(
      { WINDROW_LISTEN: '127.0.0.1:0', WINDROW_LEASE: '5 s' },
      'serve',
      '--state',
      '/x',
    );
    assert.equal(part, 'serve');
    assert.deepEqual(options.listen, { host: '127.0.0.1', port: 0 });
    assert.deepEqual(
      [options.stateDirectory, options.leaseMs, options.log.format],
      ['/x', 5000, 'json'],
    );
  });

  it('does not start with settings that are wrong', async () => {
    const { code, part, stderr } = await asked(
      { WINDROW_LEASE: 'soon' },
      'serve',
      '--listen',
      'here',
    );
    assert.deepEqual([code, part], [2, undefined]);
    assert.match(stderr, /WINDROW_LEASE: lease.*|--listen: found/s);
    assert.match(stderr, /code: SETTINGS_INVALID/);
  });
});

describe('the errors of all rooms', () => {
  it('say what to do, and have examples that fill every place', async () => {
    let count = 0;
    for (const { entries } of await errorTables()) {
      for (const [code, entry] of Object.entries(entries)) {
        assert.match(code, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
        count++;
        assert.ok(entry.todo.length > 0, `${code} does not say what to do`);
        for (const [, name] of `${entry.message} ${entry.todo}`.matchAll(/\{(\w+)\}/g)) {
          assert.ok(name! in entry.example, `${code}: the example lacks ${name}`);
        }
      }
    }
    assert.ok(count > 100);
  });
});
