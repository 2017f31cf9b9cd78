import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listeningPorts } from './field/processes.ts';
import { inField, type Running, SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const COMMAND =
  'echo "looked at $i" >&2; [ $i != 3 ] || [ -e "$$HOME/mended" ] || { echo "no data 33" >&2; exit 4; }; echo value $i';

/** Runs each look at a field that has job 1: 4 rows, of which the third failed. */
function looks(field: () => SweepField): void {
  const state = ['--state', 'state'];
  const said = async (...argv: string[]) => (await field().must(0, ...argv, ...state)).stdout;

  it('ls lists it', async () => {
    assert.match(await said('ls'), /1 +failed +4 +3/);
    const { jobs } = await field().json('ls', ...state);
    assert.deepEqual([jobs[0].job, jobs[0].counts.done, jobs[0].counts.failed], [1, 3, 1]);
    assert.doesNotMatch(await said('ls', '--only', 'running'), /failed/);
  });

  it('show shows the job, its tasks, its attempts and one task', async () => {
    assert.match(await said('show', '1'), /failed/);
    assert.match(await said('show', '1', '--tasks', '--only', 'failed'), /\b2\b.*failed/);
    assert.match(await said('show', '1', '--attempts', '--cause', 'exit-code'), /exit-code/);
    const task = await said('show', '1.2');
    assert.match(task, /i.*3/);
    assert.match(task, /exit-code/);
  });

  it('stats groups what failed by how it looked', async () => {
    const stats = await said('stats', '1');
    assert.match(stats, /1 task: .*no data/);
    const json = await field().json('stats', '1', ...state);
    assert.equal(json.attempts, 5);
    assert.deepEqual(json.failures[0].example.parameters, { i: '3' });
  });

  it('logs reads and searches what programs printed', async () => {
    const task = await said('logs', '1', '--task', '0', '--stream', 'stderr');
    assert.match(task, /looked at 1\n/);
    const found = await said('logs', '1', '--grep', 'no data \\d+');
    assert.match(found, /no data 33/);
    assert.doesNotMatch(found, /looked/);
    const nothing = await field().windrow('logs', '1', '--grep', 'nowhere', ...state);
    assert.equal(nothing.code, 1);
  });

  it('results prints them, one or all', async () => {
    assert.equal(await said('results', '1'), 'value 1\nvalue 2\nvalue 4\n');
    assert.equal(await said('results', '1', '--task', '3', '--name', 'stdout'), 'value 4\n');
  });

  it('commands name what is not there', async () => {
    for (const [argv, code] of [
      [['show', '9'], 'JOB_UNKNOWN'],
      [['show', '1.99'], 'TASK_UNKNOWN'],
      [['logs', 'nobody'], 'JOB_NAME_UNKNOWN'],
    ] as const) {
      const { stderr } = await field().must(1, ...argv, ...state);
      assert.match(stderr, new RegExp(`code: ${code}`));
    }
  });
}

describe('a server and a worker as processes of their own', () => {
  let field: SweepField;
  let serve: Running;
  let worker: Running;
  let url: string;

  before(async () => {
    field = new SweepField();
    serve = field.start(['serve', '--state', 'state', '--listen', '127.0.0.1:0']);
    url = (await serve.until('it serves', () => /http:\S+/.exec(serve.stdout())?.[0])) as string;
    worker = startWorker();
    const { code } = await run('--name', 'first', '--range', 'i=1..4', '--', COMMAND);
    assert.equal(code, 1);
  });
  after(async () => {
    await field.isQuiet();
    assert.deepEqual(field.temporaryFiles(), []);
    field.remove();
  });

  function startWorker(): Running {
    const session = ['--session-file', field.path('state/session')];
    // Its programs read and write in the directory of the test, also where root runs it.
    const open = ['--walls', 'bare'];
    return field.start([
      'worker',
      '--server',
      url,
      ...session,
      '--dir',
      'worker',
      '--slots',
      '2',
      ...open,
    ]);
  }

  const run = (...argv: string[]) =>
    field.windrow(
      ...['run', '--server', url, '--token-file', 'state/admin-token', '--retries', '1'],
      ...argv,
    );
  const state = ['--state', 'state'];

  it('says one line when it serves, and only the server listens', () => {
    assert.equal(serve.stdout(), `windrow: serving ${url}\n`);
    assert.deepEqual(listeningPorts(serve.pid), [Number(new URL(url).port)]);
    assert.deepEqual(listeningPorts(worker.pid), []);
  });

  looks(() => field);

  it('workers lists who is there', async () => {
    const { workers } = await field.json('workers', ...state);
    assert.equal(workers.length, 1);
    assert.equal(workers[0].slots, 2);
  });

  it('retry and wait bring what was mended to its end', async () => {
    field.write('home/mended', '');
    await field.must(0, 'retry', '1', ...state);
    await field.must(0, 'wait', '1', ...state);
    const { stdout } = await field.must(0, 'results', '1', ...state);
    assert.equal(stdout, 'value 1\nvalue 2\nvalue 3\nvalue 4\n');
  });

  it('pause, resume and rm do what they say to a job', async () => {
    const waiting = 'echo $i >> "$$HOME/begun"; while [ ! -e "$$HOME/go" ]; do sleep 0.05; done';
    const second = field.start([
      ...['run', '--server', url, '--token-file', 'state/admin-token', '--name', 'second'],
      ...['--range', 'i=1..6', '--', waiting],
    ]);
    await second.until('two run', () => field.lines('home/begun').length === 2);
    await field.must(0, 'pause', 'second', ...state);
    const counts = async () => {
      const { jobs } = await field.json('ls', ...state);
      return jobs.find((job: { name: string }) => job.name === 'second').counts;
    };
    await until('what was fetched ahead went back', async () => (await counts()).running === 2);
    field.write('home/go', '');
    await until('what ran is done', async () => (await counts()).done === 2);
    assert.equal(field.lines('home/begun').length, 2);
    const shown = await field.must(0, 'show', 'second', ...state);
    assert.match(shown.stdout, /paused/);
    await field.must(0, 'resume', 'second', ...state);
    assert.equal((await second.ended).code, 0);
    assert.equal(field.lines('home/begun').length, 6);

    const third = field.start([
      ...['run', '--server', url, '--token-file', 'state/admin-token', '--name', 'third'],
      ...['--range', 'i=1..6', '--', 'echo $$$$ >> "$$HOME/pids"; sleep 300'],
    ]);
    await third.until('two run', () => field.lines('home/pids').length === 2);
    await field.must(0, 'rm', 'third', ...state);
    assert.equal((await third.ended).code, 1);
    await until('its programs are dead', () =>
      field.processes().every(({ argv }) => !argv.includes('300')),
    );
  });

  it('a run that is interrupted leaves its job to the server', async () => {
    const waiting =
      'echo $i >> "$$HOME/long"; while [ ! -e "$$HOME/go2" ]; do sleep 0.05; done; echo $i';
    const long = field.start([
      ...['run', '--server', url, '--token-file', 'state/admin-token', '--name', 'long'],
      ...['--range', 'i=1..3', '--', waiting],
    ]);
    await long.until('two run', () => field.lines('home/long').length === 2);
    long.interrupt();
    assert.equal((await long.ended).code, 3);
    field.write('home/go2', '');
    await field.must(0, 'wait', 'long', ...state);
    assert.deepEqual(field.lines('home/long').sort(), ['1', '2', '3']);
  });

  it('a killed worker is missed, and another goes on with its tasks', async () => {
    const waiting =
      'echo $i >> "$$HOME/lost"; while [ ! -e "$$HOME/go3" ]; do sleep 0.05; done; echo $i';
    const lost = field.start([
      ...['run', '--server', url, '--token-file', 'state/admin-token', '--name', 'lost'],
      ...['--range', 'i=1..2', '--', waiting],
    ]);
    await lost.until('two run', () => field.lines('home/lost').length === 2);
    worker.kill();
    await worker.ended;
    await until('its programs are dead', () =>
      field.processes().every(({ argv }) => argv[1] !== '-c'),
    );
    field.write('home/go3', '');
    worker = startWorker();
    assert.equal((await lost.ended).code, 0);
    assert.deepEqual(field.lines('home/lost').sort(), ['1', '1', '2', '2']);
  });

  it('stop ends the server when nothing runs, and its worker with it', async () => {
    await field.must(0, 'stop', '--wait', ...state);
    assert.equal((await serve.ended).code, 0);
    assert.equal((await worker.ended).code, 0);
    assert.equal(field.has('state/server.json'), false);
  });

  it('without a server, what is stored is read all the same, and nothing is changed', async () => {
    const { jobs } = await field.json('ls', ...state);
    assert.deepEqual(
      jobs.map(({ name, state }: { name: string; state: string }) => [name, state]).sort(),
      [
        ['first', 'done'],
        ['long', 'done'],
        ['lost', 'done'],
        ['second', 'done'],
        ['third', 'removed'],
      ],
    );
    for (const argv of [['retry', '1'], ['pause', '1'], ['rm', '1'], ['stop']]) {
      const { stderr } = await field.must(1, ...argv, ...state);
      assert.match(stderr, /code: SERVER_NOT_RUNNING/);
    }
  });
});

describe('what a run left behind', () => {
  let field: SweepField;
  before(async () => {
    field = new SweepField();
    await field.must(
      1,
      ...['run', '--output', 'out', '--state', 'state', '--slots', '2', '--retries', '1'],
      ...['--range', 'i=1..4', '--', COMMAND],
    );
  });
  after(async () => {
    await field.isQuiet();
    field.remove();
  });
  looks(() => field);
});

describe('commands that need no server', () => {
  it('say who they are, what is set, what errors mean, and how they are completed', () =>
    inField(async (field) => {
      field.write('home/.config/windrow/windrow.conf', 'slots = 3\n');
      const said = async (...argv: string[]) => (await field.must(0, ...argv)).stdout;
      assert.match(await said('version'), /\d+\.\d+/);
      assert.match(await said('config'), /slots\s+3\s.*windrow\.conf/);
      assert.match(await said('errors'), /PORT_TAKEN/);
      assert.match(await said('errors', 'PORT_TAKEN'), /--listen/);
      assert.match(await said('man', 'run'), /^\.TH/m);
      for (const shell of ['bash', 'zsh', 'fish']) {
        assert.match(await said('completion', shell), /windrow/);
      }
      const { stderr } = await field.must(1, 'ls');
      assert.match(stderr, /code: SERVER_NOT_FOUND/);
      assert.match((await field.must(2, 'config', '--bogus')).stderr, /--bogus/);
    }));
});
