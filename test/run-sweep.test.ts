import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { type PlannedSweep, runSweep, type SubmitWish } from '#cli';
import type { TaskCounts } from '#model';
import { ApiClient, type ApiEvent, type ApiHandlers } from '#wire';
import { type CliWorld, openCliWorld } from './cli-world.ts';
import { type FakeApiServer, openFakeApiServer } from './fake-api-server.ts';
import { counts, jobDetail, progress, stats } from './sample-answers.ts';

const wish: SubmitWish = {
  again: false,
  whyRerun: false,
  dryRun: false,
  json: false,
  quiet: false,
};

const rerun = {
  continues: null,
  kept: 0,
  fresh: 10,
  failed: 0,
  changed: 0,
  changedParts: [],
  changedFiles: [],
};

function sweep(some: Partial<PlannedSweep> = {}): PlannedSweep {
  const { spec } = jobDetail();
  return {
    spec,
    tables: [],
    blobs: [],
    key: 'k',
    keyParts: { command: 'c' },
    warnings: [],
    ...some,
  };
}

const created = async () => ({
  job: 3,
  outcome: 'created' as const,
  counts: counts({ waiting: 10 }),
  rerun,
  warnings: [],
});

/** Events one by one, as the test lets them go. */
function script(events: readonly Partial<ApiEvent>[]): ApiHandlers['watchEvents'] {
  return async function* (_input: unknown, call: { signal: AbortSignal }) {
    let id = 0;
    for (const event of events) yield { id: ++id, atMs: id, job: 3, ...event };
    if (!call.signal.aborted) await once(call.signal, 'abort');
  } as never;
}

async function inWorld(
  handlers: Partial<ApiHandlers>,
  use: (cli: CliWorld, client: ApiClient, server: FakeApiServer) => Promise<void>,
): Promise<void> {
  const server = await openFakeApiServer({
    submitJob: created,
    getStats: async () => stats,
    getJob: async () => jobDetail({ counts: counts({ waiting: 10 }) }),
    ...handlers,
  });
  const client = new ApiClient({ url: server.url, token: server.token });
  const cli = openCliWorld();
  try {
    await use(cli, client, server);
  } finally {
    await client.close();
    await server.close();
    cli.close();
  }
}

const ended = (some: Parameters<typeof counts>[0], state: 'done' | 'failed') =>
  [
    { kind: 'progress', counts: counts({ done: 4, waiting: 6 }), progress: progress() },
    { kind: 'progress', counts: counts(some), progress: progress({ etaMs: 0 }) },
    { kind: 'job', state, reason: '', actor: 'server', counts: counts(some) },
  ] as Partial<ApiEvent>[];

describe('a sweep that is run', () => {
  it('ends with 0 when all tasks succeeded, having shown progress and summary', async () => {
    const watchEvents = script(ended({ done: 10 }, 'done'));
    await inWorld({ watchEvents }, async (cli, client) => {
      assert.equal(await runSweep(client, sweep(), wish, cli.world), 0);
      const { stdout, stderr } = cli.said();
      assert.match(stderr, /^windrow: job 3 ising: 10 tasks$/m);
      assert.match(stderr, /ising: 0 % 0 done, 0 failed, 0 running, 10 waiting/);
      assert.match(stderr, /ising: 100 % 10 done/);
      assert.match(stdout, /^efficiency: 99 %$/m);
    });
  });

  it('ends with 1 when some failed, and a quiet one says only which', async () => {
    const watchEvents = script(ended({ done: 9, failed: 1 }, 'failed'));
    await inWorld({ watchEvents }, async (cli, client) => {
      assert.equal(await runSweep(client, sweep(), { ...wish, quiet: true }, cli.world), 1);
      const { stdout, stderr } = cli.said();
      assert.equal(stdout, '');
      assert.match(stderr, /^Failures by kind:\n {2}1 task: exit-code: cannot open N\n/);
    });
  });

  it('ends with 1 when all that is left is held, rather than never', async () => {
    const getStats = async () => ({ ...stats, counts: counts({ done: 8, held: 2 }) });
    const watchEvents = script(ended({ done: 8, held: 2 }, 'failed'));
    await inWorld({ watchEvents, getStats }, async (cli, client) => {
      assert.equal(await runSweep(client, sweep(), wish, cli.world), 1);
      assert.match(
        cli.said().stdout,
        /^2 tasks are held; why: windrow show \d+ --tasks --only held$/m,
      );
    });
  });

  it('ends with 3 when the user wants it to end', async () => {
    await inWorld({ watchEvents: script([]) }, async (cli, client, server) => {
      const code = runSweep(client, sweep(), wish, cli.world);
      const looked = () => server.requests.includes('GET /v1/jobs/3');
      while (!looked()) await new Promise(setImmediate);
      cli.interrupt();
      assert.equal(await code, 3);
    });
  });

  it('tells everything in lines of JSON where that was asked for', async () => {
    const watchEvents = script(ended({ done: 10 }, 'done'));
    await inWorld({ watchEvents }, async (cli, client) => {
      await runSweep(client, sweep(), { ...wish, json: true }, cli.world);
      const lines = cli
        .said()
        .stdout.trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.equal(lines[0].kind, 'submitted');
      assert.equal(lines[1].kind, 'progress');
      assert.equal(lines.at(-2).counts.done, 10);
      assert.deepEqual([lines.at(-1).kind, lines.at(-1).exitCode], ['summary', 0]);
      assert.equal(cli.said().stderr, '');
    });
  });

  it('goes on waiting while its server is restarted', async () => {
    let connections = 0;
    const watchEvents = async function* (input: unknown, call: { signal: AbortSignal }) {
      connections++;
      if (connections === 1) throw new Error('the server is killed');
      yield* (script(ended({ done: 10 }, 'done')) as never as (...of: unknown[]) => AsyncGenerator)(
        input,
        call,
      );
    } as never;
    await inWorld({ watchEvents }, async (cli, client) => {
      assert.equal(await runSweep(client, sweep(), wish, cli.world), 0);
      assert.equal(connections, 2);
    });
  });

  it('sends its tables and names them in the job', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'windrow-sweep-'));
    writeFileSync(join(directory, 'grid.csv'), 'a,b\n1,2\n');
    const kept: string[] = [];
    let axes: unknown;
    const handlers: Partial<ApiHandlers> = {
      putTable: async ({ query, body }) => {
        kept.push(`${query.format} ${query.file} ${await text(body)}`);
        const table = `t${kept.length}`;
        return {
          table,
          rows: 1,
          columns: ['a', 'b'],
          bytes: 8,
          warnings: ['column b is not used'],
        };
      },
      submitJob: async ({ body }) => {
        axes = body.spec.axes;
        assert.deepEqual(body.warnings, ['column b is not used', 'column b is not used']);
        return await created();
      },
      watchEvents: script(ended({ done: 10 }, 'done')),
    };
    await inWorld(handlers, async (cli, client) => {
      const range = { kind: 'range', column: 'c', from: '1', to: '2', step: '1' } as const;
      const spec = {
        ...sweep().spec,
        axes: [
          { kind: 'file', table: 'local:1' } as const,
          range,
          { kind: 'file', table: 'local:0' } as const,
        ],
      };
      const tables = [
        { path: join(directory, 'grid.csv'), file: 'grid.csv', format: 'csv' as const },
        { path: '-', file: 'stdin', format: 'lines' as const },
      ];
      (cli.world.stdin as unknown as PassThrough).end('x\ny\n');
      await runSweep(client, sweep({ spec, tables }), wish, cli.world);
      assert.deepEqual(kept, ['csv grid.csv a,b\n1,2\n', 'lines stdin x\ny\n']);
      assert.deepEqual(axes, [{ kind: 'file', table: 't2' }, range, { kind: 'file', table: 't1' }]);
    });
    rmSync(directory, { recursive: true });
  });

  it('names the table that cannot be read', async () => {
    const putTable: ApiHandlers['putTable'] = async ({ body }) => {
      await text(body);
      return { table: 't', rows: 0, columns: [], bytes: 0, warnings: [] };
    };
    await inWorld({ putTable }, async (cli, client) => {
      const tables = [{ path: 'missing.csv', file: 'missing.csv', format: 'csv' as const }];
      await assert.rejects(runSweep(client, sweep({ tables }), wish, cli.world), {
        code: 'PARAMETERS_UNREADABLE',
        message: 'missing.csv cannot be read: no such file or directory',
      });
    });
  });

  it('says which rows would run again and why, and runs nothing', async () => {
    const previewJob: ApiHandlers['previewJob'] = async () => ({
      continues: 2,
      kept: 90,
      fresh: 4,
      failed: 5,
      changed: 1,
      changedParts: ['command', 'references'],
      changedFiles: ['mod\u001b.py'],
      rows: 100,
      examples: [{ task: 7, why: 'changed', commandLine: './ising \u001b[2J' }],
      warnings: ['nobody uses "seed"'],
    });
    const submitJob = async () => assert.fail('it was submitted');
    await inWorld({ previewJob, submitJob }, async (cli, client) => {
      assert.equal(await runSweep(client, sweep(), { ...wish, whyRerun: true }, cli.world), 0);
      assert.equal(
        cli.said().stdout,
        '100 tasks: 90 kept, 10 to run (4 new, 5 unfinished or failed, 1 changed: ' +
          'command, files that the command names: mod\\e.py)\n' +
          'Continues job 2.\n  task 7, changed: ./ising \\e[2J\n  and 9 more\n',
      );
      assert.equal(cli.said().stderr, 'windrow: warning: nobody uses "seed"\n');
    });
  });
});

describe('windrow wait', () => {
  it('ends with 3 when its time is over, and the job goes on', async () => {
    await inWorld({ watchEvents: script([]) }, async (cli, _client, server) => {
      const line = ['wait', '3', '--timeout', '50 ms', '--server', server.url];
      const tokenFile = join(cli.directory, 'token');
      writeFileSync(tokenFile, server.token, { mode: 0o600 });
      const { code } = await cli.windrow(...line, '--token-file', tokenFile);
      assert.equal(code, 3);
      assert.ok(!server.requests.some((request) => request.startsWith('PATCH')));
    });
  });

  it('ends soon when all that is left of a paused job is held, also where it says nothing', async () => {
    let looks = 0;
    const paused = (some: Partial<TaskCounts>) =>
      jobDetail({ state: 'paused', counts: counts({ held: 1, ...some }) });
    const handlers: Partial<ApiHandlers> = {
      watchEvents: script([]),
      getJob: async () => (++looks === 1 ? paused({ running: 1 }) : paused({ done: 1 })),
    };
    await inWorld(handlers, async (cli, client) => {
      const beganMs = performance.now();
      assert.equal(await runSweep(client, sweep(), { ...wish, quiet: true }, cli.world), 1);
      assert.ok(performance.now() - beganMs < 5000);
    });
  });

  it('fetches what was collected into the directory of the user, whose machine is not that of the server', async () => {
    const bytes = Buffer.from('1\n2\n');
    const handlers: Partial<ApiHandlers> = {
      watchEvents: script([{ kind: 'job', state: 'done', counts: counts({ done: 10 }) } as never]),
      getJob: async () => jobDetail({ state: 'done', counts: counts({ done: 10 }) }),
      collectJob: async () => ({
        complete: true,
        tasks: 10,
        files: [{ file: 'tasks/0/energy', bytes: bytes.length, changedAtMs: 1 }],
      }),
      readOutput: async () => ({ stream: Readable.from([bytes]), bytes: bytes.length }),
    };
    await inWorld(handlers, async (cli, client) => {
      const fetchTo = join(cli.directory, 'results');
      assert.equal(await runSweep(client, sweep(), { ...wish, fetchTo }, cli.world), 0);
      assert.equal(readFileSync(join(fetchTo, 'tasks', '0', 'energy'), 'utf8'), '1\n2\n');
    });
  });

  it('submits nothing when the directory for the results cannot be made', async () => {
    await inWorld({}, async (cli, client, server) => {
      const fetchTo = join(cli.directory, 'file', 'below');
      writeFileSync(join(cli.directory, 'file'), '');
      await assert.rejects(runSweep(client, sweep(), { ...wish, fetchTo }, cli.world), {
        code: 'OUTPUT_FAILED',
      });
      assert.deepEqual(server.requests, []);
    });
  });
});
