import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { ApiHandlers, LogLine, ResultItem } from '#wire';
import { type CliWorld, type CliWorldOptions, openCliWorld } from './cli-world.ts';
import { type FakeApiServer, fault, openFakeApiServer } from './fake-api-server.ts';
import {
  attempt,
  counts,
  HOSTILE,
  job,
  jobDetail,
  server,
  stats,
  task,
  worker,
} from './sample-answers.ts';

/** A world with a server, which the environment names, so that every command finds it. */
async function inWorld(
  handlers: Partial<ApiHandlers>,
  use: (cli: CliWorld, server: FakeApiServer) => Promise<void>,
  options: CliWorldOptions = {},
): Promise<void> {
  const fake = await openFakeApiServer(handlers);
  const environment = {
    WINDROW_SERVER: fake.url,
    WINDROW_TOKEN: fake.token,
    ...options.environment,
  };
  const cli = openCliWorld({ ...options, environment });
  try {
    await use(cli, fake);
  } finally {
    cli.close();
    await fake.close();
  }
}

/** Control characters other than line ends and tabs, and those that turn text round. */
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

const ending = (text: string) => text.split('\n').filter((line) => line !== '');

describe('windrow ls', () => {
  it('lists jobs in aligned columns, page by page', async () => {
    const pages = [
      { jobs: [job({ job: 12, name: 'second', state: 'paused' })], next: 12 },
      { jobs: [job({ job: 3 })], next: null },
    ];
    const listJobs: ApiHandlers['listJobs'] = async ({ query }) =>
      query.from === 12 ? pages[1]! : pages[0]!;
    await inWorld({ listJobs }, async (cli) => {
      const { code, stdout } = await cli.windrow('ls');
      assert.equal(code, 0);
      const [header, first, second] = ending(stdout);
      assert.match(header!, /^JOB {2}STATE/);
      assert.match(first!, /^ 12 {2}paused {3}/);
      assert.match(second!, /^ {2}3 {2}running .* 50 % .* ising$/);
    });
  });

  it('prints JSON for programs', async () => {
    await inWorld({ listJobs: async () => ({ jobs: [job()], next: null }) }, async (cli) => {
      assert.deepEqual(JSON.parse((await cli.windrow('ls', '--json')).stdout), { jobs: [job()] });
    });
  });

  it('lets no text of others steer the terminal', async () => {
    const handlers: Partial<ApiHandlers> = {
      listJobs: async () => ({ jobs: [job({ name: HOSTILE })], next: null }),
      getTask: async () => task,
      getStats: async () => stats,
      getJob: async () => jobDetail({ name: HOSTILE, reason: HOSTILE, warnings: [HOSTILE] }),
      listWorkers: async () => ({ workers: [{ ...worker, name: HOSTILE, reason: HOSTILE }] }),
      getServer: async () => ({ ...server('/x'), reason: HOSTILE, version: HOSTILE }),
      readLogs: async function* () {
        yield { task: 1, ticket: 2, number: 1, stream: 'stdout', line: 1, text: HOSTILE };
      } as never,
      listResults: async function* () {
        yield {
          task: 1,
          ticket: 2,
          name: 'energy',
          file: '',
          bytes: 9,
          text: HOSTILE,
          base64: null,
        };
      } as never,
      listTasks: async () => ({ tasks: [task], next: null }),
    };
    const lines = [
      ['ls'],
      ['show', '3'],
      ['show', '3.7'],
      ['show', '3', '--tasks'],
      ['stats', '3'],
      ['logs', '3'],
      ['results', '3'],
      ['workers'],
      ['top', '--once'],
    ];
    await inWorld(
      handlers,
      async (cli) => {
        for (const line of lines) {
          const { stdout, stderr, code } = await cli.windrow(...line);
          assert.equal(code, 0, `${line}: ${stderr}`);
          assert.match(stdout, /evil/, `${line} does not show it at all`);
          assert.doesNotMatch(stdout, UNSAFE, String(line));
        }
      },
      { terminal: true },
    );
  });
});

describe('windrow show', () => {
  it('shows a job with what it waits for', async () => {
    await inWorld({ getJob: async () => jobDetail() }, async (cli) => {
      const { stdout } = await cli.windrow('show', '3');
      for (const line of [
        /^command: +\.\/ising --beta \$beta$/m,
        /^waits: all slots are busy \(3 tasks\)$/m,
        /512 MiB/,
      ]) {
        assert.match(stdout, line);
      }
    });
  });

  it('shows a task with its attempts and their causes', async () => {
    await inWorld({ getTask: async ({ params }) => ({ ...task, ...params }) }, async (cli) => {
      const { stdout } = await cli.windrow('show', '3.7');
      assert.match(stdout, /^task: +3\.7$/m);
      assert.match(
        stdout,
        /4711 +7 +1 +exit-code .* 1\.5 s +1\.2 s +1 MiB +node17 +the program ended/,
      );
    });
  });

  it('finds a job by its name, the newest first, and the newest without one', async () => {
    const jobs = [
      job({ job: 9, name: 'b' }),
      job({ job: 8, name: 'a' }),
      job({ job: 7, name: 'a' }),
    ];
    const handlers: Partial<ApiHandlers> = {
      listJobs: async () => ({ jobs, next: null }),
      getJob: async ({ params }) => jobDetail({ job: params.job }),
    };
    await inWorld(handlers, async (cli) => {
      assert.match((await cli.windrow('show', 'a')).stdout, /^job: +8$/m);
      assert.match((await cli.windrow('show')).stdout, /^job: +9$/m);
      const missing = await cli.windrow('show', 'c');
      assert.equal(missing.code, 1);
      assert.match(
        missing.stderr,
        /^windrow: no job is called c\n {2}.*\n {2}code: JOB_NAME_UNKNOWN\n$/,
      );
    });
  });

  it('lists no more attempts than asked for, over pages', async () => {
    const limits: (number | undefined)[] = [];
    const listAttempts: ApiHandlers['listAttempts'] = async ({ query }) => {
      limits.push(query.limit);
      const got = Math.min(query.limit ?? 0, 600);
      return { attempts: Array.from({ length: got }, () => attempt), next: 1 };
    };
    await inWorld({ listAttempts }, async (cli) => {
      const { stdout } = await cli.windrow('show', '3', '--attempts', '-n', '700', '--json');
      assert.equal(JSON.parse(stdout).attempts.length, 700);
      assert.deepEqual(limits, [700, 100]);
    });
  });
});

describe('windrow stats', () => {
  it('says who did what, how long it took and what failed', async () => {
    await inWorld({ getStats: async () => stats }, async (cli) => {
      const { stdout } = await cli.windrow('stats', '3');
      for (const part of [
        /^attempts: +11: 9 ok, 2 exit-code$/m,
        /^node17 +6 +7 +6 s +75 % +1 exit-code$/m,
        /^wall +100 ms +1\.5 s +2 s +2\.5 s +3 s +1\.6 s +8 s$/m,
        /^ {2}1 task: exit-code: cannot open N\n {4}e\.g\. 3\.7 \(beta=0\.44\)$/m,
        // Never rounded up to what it is not.
        /^efficiency: 99 %$/m,
        /^taken over: 2 from an earlier run$/m,
      ]) {
        assert.match(stdout, part);
      }
    });
  });
});

describe('windrow logs', () => {
  const lines: LogLine[] = [
    { task: 1, ticket: 2, number: 1, stream: 'stdout', line: 1, text: 'hello' },
    { task: 2, ticket: 3, number: 1, stream: 'stderr', line: 4, text: 'oh no' },
  ];
  const readLogs = async function* (input: { query: { grep?: string } }) {
    yield* lines.filter((line) => line.text.includes(input.query.grep ?? ''));
  } as never;

  it('says where each line comes from, unless that was asked for', async () => {
    await inWorld({ readLogs }, async (cli, fake) => {
      assert.equal((await cli.windrow('logs', '3')).stdout, '1.stdout: hello\n2.stderr: oh no\n');
      const one = await cli.windrow('logs', '3', '-t', '2', '--stream', 'stderr', '--grep', 'oh');
      assert.equal(one.stdout, 'oh no\n');
      assert.equal(fake.requests.at(-1), 'GET /v1/jobs/3/logs?task=2&grep=oh&stream=stderr');
    });
  });

  it('ends with 1 when nothing was found, as grep does', async () => {
    await inWorld({ readLogs }, async (cli) => {
      assert.equal((await cli.windrow('logs', '3', '--grep', 'zzz')).code, 1);
    });
  });
});

describe('windrow results', () => {
  const item = (of: Partial<ResultItem>): ResultItem => ({
    task: 1,
    ticket: 2,
    name: 'energy',
    file: '',
    bytes: 3,
    text: null,
    base64: null,
    ...of,
  });
  const bytes = Buffer.from([0, 255, 27, 10, 65]);
  const handlers: Partial<ApiHandlers> = {
    getJob: async () => jobDetail(),
    listResults: async function* () {
      yield item({ text: 'one' });
      yield item({ task: 2, base64: bytes.toString('base64') });
      yield item({ task: 3, bytes: 200_000 });
    } as never,
    readResult: async ({ params }) => ({
      stream: Readable.from([Buffer.from(`big ${params.task}`)]),
      bytes: 5,
    }),
  };

  it('prints them byte for byte', async () => {
    await inWorld(handlers, async (cli) => {
      const { world } = cli;
      const chunks: Buffer[] = [];
      world.stdout.stream.on('pipe', () => {});
      const write = world.stdout.stream.write.bind(world.stdout.stream);
      world.stdout.stream.write = ((chunk: Buffer | string, done: never) => {
        chunks.push(Buffer.from(chunk as string));
        return write(chunk, done);
      }) as never;
      assert.equal((await cli.windrow('results', '3')).code, 0);
      const expected = Buffer.concat([Buffer.from('one'), bytes, Buffer.from('big 3')]);
      assert.deepEqual(Buffer.concat(chunks), expected);
    });
  });

  it('names task and result where there are several', async () => {
    const base = jobDetail();
    const results = [base.spec.results[0]!, { ...base.spec.results[0]!, name: 'field' }];
    const getJob = async () => ({ ...base, spec: { ...base.spec, results } });
    const listResults = async function* () {
      yield item({ text: 'one\n' });
    } as never;
    await inWorld({ ...handlers, getJob, listResults }, async (cli) => {
      assert.equal((await cli.windrow('results', '3')).stdout, '==> 3.1 energy <==\none\n');
      assert.equal((await cli.windrow('results', '3', '--name', 'energy')).stdout, 'one\n');
    });
  });

  const file = (name: string) => ({ file: name, bytes: 4, changedAtMs: 1000 });
  const readOutput: ApiHandlers['readOutput'] = async ({ query }) => ({
    stream: Readable.from([Buffer.from(`<${query.file}>`)]),
    bytes: null,
  });

  it('fetches the collected files, folders included', async () => {
    const listOutput = async () => ({
      complete: true,
      tasks: 1,
      files: [file('energy'), file('tasks/1/out.dat')],
    });
    await inWorld({ listOutput, readOutput }, async (cli) => {
      assert.equal((await cli.windrow('results', '3', '--to', 'here')).code, 0);
      assert.equal(readFileSync(join(cli.directory, 'here/energy'), 'utf8'), '<energy>');
      assert.equal(
        readFileSync(join(cli.directory, 'here/tasks/1/out.dat'), 'utf8'),
        '<tasks/1/out.dat>',
      );
    });
  });

  it('writes nothing outside of the directory, whatever the server calls its files', async () => {
    for (const name of ['../evil', '/etc/evil', 'a/../../evil', 'a//b', './x', 'a\0b', '']) {
      const listOutput = async () => ({ complete: true, tasks: 1, files: [file(name)] });
      await inWorld({ listOutput, readOutput }, async (cli) => {
        const { code, stderr } = await cli.windrow('results', '3', '--to', 'here');
        assert.equal(code, 1, name);
        assert.match(stderr, /EXPORT_PATH_WRONG/);
        assert.equal(existsSync(join(cli.directory, 'evil')), false);
      });
    }
  });

  it('leaves no half a file when the server breaks off', async () => {
    const listOutput = async () => ({ complete: true, tasks: 1, files: [file('energy')] });
    const broken: ApiHandlers['readOutput'] = async () => ({
      stream: Readable.from(
        (async function* () {
          yield Buffer.alloc(100_000);
          throw new Error('gone');
        })(),
      ),
      bytes: null,
    });
    await inWorld({ listOutput, readOutput: broken }, async (cli) => {
      const { code, stderr } = await cli.windrow('results', '3', '--to', 'here');
      assert.equal(code, 1);
      assert.match(stderr, /SERVER_CONNECTION_LOST/);
      assert.deepEqual(readdirSync(join(cli.directory, 'here')), []);
    });
  });
});

describe('commands that change something', () => {
  it('retry single tasks, whole jobs, and each only once', async () => {
    const asked: unknown[] = [];
    const retryJob: ApiHandlers['retryJob'] = async ({ params, body }) => {
      asked.push([params.job, body.tasks ?? 'all']);
      return { retried: 2, counts: counts({ waiting: 2 }) };
    };
    await inWorld({ retryJob }, async (cli) => {
      assert.equal((await cli.windrow('retry', '3.1', '4.9', '3.2', '4')).code, 0);
      assert.deepEqual(asked, [
        [3, [1, 2]],
        [4, 'all'],
      ]);
      const wrong = await cli.windrow('retry', '3.x');
      assert.match(wrong.stderr, /TASK_NUMBER_WRONG/);
    });
  });

  it('pause, resume and remove jobs with a reason', async () => {
    const asked: unknown[] = [];
    const changeJob: ApiHandlers['changeJob'] = async ({ params, body }) => {
      asked.push([params.job, body.action, body.reason]);
      return job({ job: params.job, state: 'paused' });
    };
    await inWorld({ changeJob }, async (cli) => {
      await cli.windrow('pause', '3', '4', '--reason', 'licence');
      await cli.windrow('resume', '3');
      await cli.windrow('rm', '4', '4');
      assert.deepEqual(asked, [
        [3, 'pause', 'licence'],
        [4, 'pause', 'licence'],
        [3, 'resume', ''],
        [4, 'remove', ''],
      ]);
    });
  });

  it('tell what the server told', async () => {
    const changeJob = async () => {
      throw fault('JOB_UNKNOWN', 'there is no job 5', 404);
    };
    await inWorld({ changeJob }, async (cli) => {
      const { code, stderr } = await cli.windrow('rm', '5');
      assert.equal(code, 1);
      assert.equal(
        stderr,
        'windrow: there is no job 5\n  Try something else.\n  code: JOB_UNKNOWN\n',
      );
      const asJson = JSON.parse((await cli.windrow('rm', '5', '--json')).stderr);
      assert.equal(asJson.error.code, 'JOB_UNKNOWN');
    });
  });

  it('change workers', async () => {
    const changeWorker: ApiHandlers['changeWorker'] = async ({ params, body }) => ({
      ...worker,
      name: params.worker,
      state: 'paused',
      reason: body.reason,
    });
    await inWorld({ changeWorker }, async (cli) => {
      const { stdout } = await cli.windrow('workers', 'pause', 'node 17/a', '--reason', 'bad disk');
      assert.match(stdout, /node 17\/a +paused .* bad disk/);
      assert.equal((await cli.windrow('workers', 'explode', 'x')).code, 2);
    });
  });

  it('stop the server and wait until it has ended', async () => {
    let looks = 0;
    const handlers: Partial<ApiHandlers> = {
      stopServer: async ({ body }) => {
        assert.equal(body.mode, 'drain');
        return { state: 'draining', runningAttempts: 2 };
      },
      getServer: async () => {
        looks++;
        if (looks > 1) throw fault('GONE', 'ended', 503);
        return server('/x');
      },
    };
    await inWorld(handlers, async (cli) => {
      assert.equal((await cli.windrow('stop', '--wait')).stdout, 'The server has ended.\n');
      assert.equal(looks, 2);
    });
  });
});

describe('the server that a command means', () => {
  async function withState(
    use: (cli: CliWorld, fake: FakeApiServer, state: string) => Promise<void>,
    options: CliWorldOptions = {},
  ): Promise<void> {
    let state = '';
    const listJobs = async () => ({ jobs: [job()], next: null });
    const changeJob = async () => job();
    const fake = await openFakeApiServer({
      listJobs,
      changeJob,
      getServer: async () => server(state),
    });
    const cli = openCliWorld(options);
    state = join(cli.directory, 'results', '.windrow');
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, 'admin-token'), `${fake.token}\n`, { mode: 0o600 });
    const about = { url: fake.url, pid: process.pid, version: '1.2.3' };
    writeFileSync(join(state, 'server.json'), JSON.stringify(about), { mode: 0o600 });
    try {
      await use(cli, fake, state);
    } finally {
      cli.close();
      await fake.close();
    }
  }

  it('is found, with its token, in the results of the current directory', async () => {
    await withState(async (cli) => {
      assert.match((await cli.windrow('ls')).stdout, /ising/);
      assert.match((await cli.windrow('ls', '--state', 'results')).stdout, /ising/);
      assert.match((await cli.windrow('ls', '--state', 'results/.windrow')).stdout, /ising/);
    });
  });

  it('is not one that others could have put there: a token open to others is refused', async () => {
    await withState(async (cli, _fake, state) => {
      chmodSync(join(state, 'admin-token'), 0o644);
      const { code, stderr } = await cli.windrow('ls');
      assert.equal(code, 1);
      assert.match(stderr, /SECRET_FILE_OPEN_TO_OTHERS/);
    });
  });

  it('is not another server that has got the port since', async () => {
    await withState(async (cli, _fake, state) => {
      const other = await openFakeApiServer({ getServer: async () => server('/somewhere/else') });
      writeFileSync(join(state, 'server.json'), JSON.stringify({ url: other.url, pid: 1 }));
      const { stderr } = await cli.windrow('rm', '3');
      assert.match(stderr, /SERVER_NOT_RUNNING/);
      await other.close();
    });
  });

  it('when none runs is opened for those who only look, and closed again', async () => {
    let closed = 0;
    const stored = await openFakeApiServer({
      listJobs: async () => ({ jobs: [job({ name: 'stored' })], next: null }),
    });
    const openState = async (directory: string) => {
      assert.match(directory, /results\/\.windrow$/);
      const close = async () => void closed++;
      return { url: stored.url, token: stored.token, close };
    };
    await withState(
      async (cli, fake) => {
        await fake.close();
        assert.match((await cli.windrow('ls')).stdout, /stored/);
        assert.equal(closed, 1);
        const { code, stderr } = await cli.windrow('rm', '3');
        assert.equal(code, 1);
        assert.match(
          stderr,
          /no server runs on it\n.*windrow serve --state \.\/results\/\.windrow/,
        );
        // withState closes it too.
        fake.close = async () => {};
      },
      { composition: { openState } },
    );
    await stored.close();
  });

  it('when there is nothing at all is missed, with the places that were looked into', async () => {
    const cli = openCliWorld();
    const { code, stderr } = await cli.windrow('ls');
    assert.equal(code, 1);
    assert.match(
      stderr,
      /no server was found; looked into \.\/\.windrow, \.\/results\/\.windrow, \.\/state\/windrow/,
    );
    cli.close();
  });

  it('is said to be damaged when its file is', async () => {
    await withState(async (cli, _fake, state) => {
      writeFileSync(join(state, 'server.json'), '{"url": 3');
      assert.match((await cli.windrow('ls')).stderr, /SERVER_FILE_MALFORMED/);
    });
  });
});

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
