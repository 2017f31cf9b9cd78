import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { environmentOf } from './field/processes.ts';
import { inField } from './field/sweep-field.ts';

const sweep = (...options: string[]): string[] => [
  'run',
  ...['--range', 'i=1..3', '--slots', '1', '--output', 'out', ...options],
  '--',
  'echo $i >> "$$HOME/runs"; env; cat "/proc/$$PPID/cmdline"; echo $i >&2',
];
const WAITING = 'echo $i >> "$$HOME/begun"; while [ ! -e "$$HOME/go" ]; do sleep 0.05; done';

const url = (said: string): string => /serving (http:\S+)/.exec(said)?.[1] ?? '';

/** Every file below a directory, absolute. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('starting a server', () => {
  it('says that the port is taken, by serve and by run', () =>
    inField(async (field) => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
      const serve = await field.must(1, 'serve', '--listen', address);
      assert.match(serve.stderr, new RegExp(`${address}.*\\n.*--listen[^]*code: PORT_TAKEN`));
      const run = await field.must(2, ...sweep('--listen', address));
      assert.match(run.stderr, /code: PORT_TAKEN/);
      assert.equal(field.has('home/runs'), false);
      other.close();
    }));

  it('refuses a second server on one state directory, and the first goes on', () =>
    inField(async (field) => {
      const range = ['run', '--range', 'i=1..1', '--slots', '1', '--output', 'out'];
      const first = field.start([...range, '--', WAITING]);
      await first.until('it runs', () => field.has('home/begun'));
      const second = await field.must(2, ...sweep());
      assert.match(second.stderr, /code: STATE_[A-Z_]+/);
      assert.match(second.stderr, /\.windrow/);
      await field.must(
        1,
        'serve',
        '--state',
        field.path('out/.windrow'),
        '--listen',
        '127.0.0.1:0',
      );
      field.write('home/go', '');
      assert.equal((await first.ended).code, 0);
      assert.equal(field.has('home/runs'), false);
    }));

  it('refuses the state of a newer version, and leaves it as it was', () =>
    inField(async (field) => {
      await field.must(0, ...sweep());
      const path = field.path('out/.windrow/windrow.sqlite');
      const database = new DatabaseSync(path);
      database.exec('PRAGMA user_version = 9999');
      database.close();
      const before = readFileSync(path);
      const { stderr } = await field.must(2, ...sweep());
      assert.match(stderr, /newer|9999/);
      assert.match(stderr, /code: STATE_[A-Z_]+/);
      assert.deepEqual(readFileSync(path), before);
    }));

  it('says that its state is damaged: a store of garbage, cut results', () =>
    inField(async (field) => {
      await field.must(0, ...sweep());
      const segment = field.path('out/.windrow/jobs/1/results-000001.seg');
      truncateSync(segment, 10);
      const cut = await field.must(2, ...sweep());
      assert.match(cut.stderr, /results-000001\.seg/);
      assert.match(cut.stderr, /code: [A-Z_]+/);
      writeFileSync(field.path('out/.windrow/windrow.sqlite'), 'x'.repeat(8192));
      const garbage = await field.must(2, ...sweep());
      assert.match(garbage.stderr, /windrow\.sqlite/);
      assert.match(garbage.stderr, /code: STATE_[A-Z_]+/);
    }));
});

describe('the secrets of a server', () => {
  it('are in a private directory, and the output around it is not private', () =>
    inField(async (field) => {
      await field.must(0, ...sweep());
      assert.equal(statSync(field.path('out/.windrow')).mode & 0o777, 0o700);
      assert.equal(statSync(field.path('out')).mode & 0o777, 0o777 & ~process.umask());
    }));

  it('lie in files of mode 0600 and nowhere else: not in argv, environment, logs or results', () =>
    inField(async (field) => {
      const run = field.start(
        [
          'run',
          '--range',
          'i=1..3',
          '--slots',
          '1',
          '--output',
          'out',
          '--log-level',
          'trace',
        ].concat(['--result', 'all=stdout', '--', `${WAITING}; env; cat /proc/$$PPID/cmdline`]),
      );
      await run.until('it runs', () => field.has('home/begun'));
      const secrets = ['session', 'admin-token'].map((name) => {
        assert.equal(statSync(field.path('out/.windrow', name)).mode & 0o777, 0o600, name);
        return field.read(`out/.windrow/${name}`).trim();
      });
      // What the program starts while it waits ends again at once.
      const processes = field.processes().map(({ pid, argv }) => {
        return { argv, environment: environmentOf(pid) };
      });
      const lasting = processes.filter(({ environment }) => environment !== '');
      assert.ok(lasting.length >= 3, 'server, worker and program');
      for (const { argv, environment } of lasting) {
        for (const secret of secrets) {
          assert.ok(!argv.join(' ').includes(secret), `in argv of ${argv.join(' ')}`);
          assert.ok(!environment.includes(secret), `in the environment of ${argv.join(' ')}`);
        }
      }
      field.write('home/go', '');
      const { code, stdout, stderr } = await run.ended;
      assert.equal(code, 0, stderr);
      for (const secret of secrets) {
        assert.ok(!(stdout + stderr).includes(secret), 'in the output');
        const holding = filesBelow(field.directory)
          .filter((path) => readFileSync(path).includes(secret))
          .map((path) => path.slice(field.path('out/.windrow').length + 1));
        assert.equal(holding.length, 1, holding.join(' '));
      }
    }));

  it('that are readable for others are refused with how to mend it', () =>
    inField(async (field) => {
      await field.must(0, ...sweep());
      chmodSync(field.path('out/.windrow/session'), 0o644);
      const { stderr } = await field.must(2, ...sweep());
      assert.match(stderr, /chmod/);
      assert.match(stderr, /code: SECRET_FILE_[A-Z_]+/);
    }));

  it('are needed: a worker with the wrong session, a command with the wrong token end at once', () =>
    inField(async (field) => {
      const serve = field.start(['serve', '--state', 'state', '--listen', '127.0.0.1:0']);
      const server = await serve.until('it serves', () => url(serve.stdout()));
      const wrong = field.write('wrong', `${'x'.repeat(43)}\n`, 0o600);
      const worker = await field.windrow(
        ...['worker', '--server', server, '--session-file', wrong, '--dir', 'worker'],
      );
      assert.equal(worker.code, 1);
      assert.match(worker.stderr, /code: WORKER_SESSION_REFUSED/);
      const ls = await field.must(1, 'ls', '--server', server, '--token-file', wrong);
      assert.match(ls.stderr, /token/);
      await field.must(0, 'stop', '--state', 'state', '--wait');
      assert.equal((await serve.ended).code, 0);
    }));
});
