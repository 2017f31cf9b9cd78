import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { ApiHandlers, LogLine, ResultItem } from '#wire';
import { inWorld } from './cli-with-server.ts';
import { attempt, HOSTILE, job, jobDetail, server, stats, task, worker } from './sample-answers.ts';

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

  it('shows the ad of one task alone, also where another is the next that fits', async () => {
    const asked: unknown[] = [];
    const listTasks: ApiHandlers['listTasks'] = async ({ query }) => {
      asked.push([query.from, query.limit, query.attributes]);
      const at = query.constraint === undefined ? query.from! : 9;
      return { tasks: [{ ...task, task: at, ad: `[ ProcId = ${at} ]` }], next: at + 1 };
    };
    await inWorld({ listTasks }, async (cli) => {
      assert.equal(
        (await cli.windrow('show', '3.7', '--format', 'lines')).stdout,
        'ProcId = 7\n\n',
      );
      const { stdout } = await cli.windrow(
        'show',
        '3.7',
        '--format',
        'new',
        '--constraint',
        'false',
      );
      assert.equal(stdout, '');
    });
    assert.deepEqual(asked, [
      [7, 1, '*'],
      [7, 1, '*'],
    ]);
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
      ['server'],
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
        /^waits: +all slots are busy \(3 tasks\)$/m,
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
        /^node17 +6 +7 +6 s +5 s +75 % +1 exit-code$/m,
        /^wall +100 ms +1\.5 s +2 s +2\.5 s +3 s +1\.6 s +8 s$/m,
        /^ {2}1 task: exit-code: cannot open N\n {4}e\.g\. 3\.7 \(beta=0\.44\)$/m,
        // Never rounded up to what it is not.
        /^efficiency: 99 %$/m,
        /^taken over: 2 from an earlier run$/m,
        /^network: +OutgoingExternal 2\.3 GiB, IncomingExternal 38\.1 MiB \(of 9 attempts\)$/m,
      ]) {
        assert.match(stdout, part);
      }
    });
  });
});

describe('windrow stats --cost', () => {
  it('prices what all attempts took', async () => {
    await inWorld({ getStats: async () => stats }, async (cli) => {
      const prices = ['--cost-cpu-hour', '0.04', '--cost-outgoing', '0.1'];
      const { stdout } = await cli.windrow('stats', '3', '--cost', ...prices);
      for (const part of [
        /^WHAT +AMOUNT +PRICE +EUR$/m,
        /^CPU time +2\.5 h +0\.04 \/ h +0\.1000$/m,
        /^sent to others +2\.5 GB +0\.1 \/ GB +0\.2500$/m,
        /^total +0\.3500$/m,
        /^The traffic of 2 attempts was not counted: network = "accounted"/m,
      ]) {
        assert.match(stdout, part);
      }
      const { stdout: json } = await cli.windrow('stats', '3', '--cost', '--json', ...prices);
      const { currency, total, lines } = JSON.parse(json);
      assert.deepEqual([currency, total.toFixed(2), lines.length], ['EUR', '0.35', 2]);
      const { code, stderr } = await cli.windrow('stats', '3', '--cost');
      assert.notEqual(code, 0);
      assert.match(stderr, /nothing has a price.*\n.*\[cost\]/);
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

  it('takes a task in the form of 3.17, as logs does, and refuses two different ones', async () => {
    const asked: (number | undefined)[] = [];
    const looking: Partial<ApiHandlers> = {
      ...handlers,
      listResults: async function* ({ query }: { query: { task?: number } }) {
        asked.push(query.task);
        yield item({ task: 17, text: 'x' });
      } as never,
      readLogs: async function* ({ query }: { query: { task?: number } }) {
        asked.push(query.task);
        yield { task: 17, ticket: 2, number: 1, stream: 'stdout', line: 1, text: 'x' };
      } as never,
    };
    await inWorld(looking, async (cli) => {
      for (const argv of [
        ['results', '3.17'],
        ['results', '3.17', '--task', '17'],
      ]) {
        assert.equal((await cli.windrow(...argv)).stdout, 'x');
      }
      assert.equal((await cli.windrow('logs', '3.17')).stdout, 'stdout: x\n');
      assert.deepEqual(asked, [17, 17, 17]);
      for (const command of ['results', 'logs']) {
        const { code, stderr } = await cli.windrow(command, '3.17', '--task', '2');
        assert.equal(code, 2);
        assert.match(stderr, /3\.17 names task 17, and --task task 2/);
      }
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
