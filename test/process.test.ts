import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import type { ApiHandlers } from '#wire';
import { type FakeApiServer, openFakeApiServer } from './fake-api-server.ts';
import { until } from './field/until.ts';
import { job, jobDetail } from './sample-answers.ts';

const program = resolve(import.meta.dirname, '..', 'src', 'bin', 'windrow.js');

let directory = '';
let server: FakeApiServer;

const endless = async function* (_input: unknown, call: { signal: AbortSignal }) {
  for (let line = 1; !call.signal.aborted; line++) {
    yield { task: 1, ticket: 1, number: 1, stream: 'stdout', line, text: 'x'.repeat(1000) };
    // Lets the signal be noticed; the writes alone never leave the loop.
    if (line % 100 === 0) await new Promise(setImmediate);
  }
};

const handlers: Partial<ApiHandlers> = {
  listJobs: async ({ query }) => ({
    jobs: Array.from({ length: query.limit ?? 100 }, (_, index) => job({ job: index + 1 })),
    next: null,
  }),
  getJob: async () => jobDetail(),
  readLogs: endless as never,
  watchEvents: async function* (_input: unknown, call: { signal: AbortSignal }) {
    yield* [];
    await once(call.signal, 'abort');
  } as never,
};

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'windrow-process-'));
  server = await openFakeApiServer(handlers);
  writeFileSync(join(directory, 'token'), server.token, { mode: 0o600 });
});

after(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

function windrow(
  ...argv: string[]
): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
  const environment = {
    PATH: process.env.PATH,
    HOME: directory,
    WINDROW_SERVER: server.url,
    WINDROW_TOKEN_FILE: join(directory, 'token'),
  };
  const child = spawn(process.execPath, [program, ...argv], { cwd: directory, env: environment });
  return child as never;
}

async function endOf(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  const [stderr, [code]] = await Promise.all([text(child.stderr!), once(child, 'close')]);
  return { code: code as number | null, stderr };
}

describe('the process windrow', () => {
  it('says nothing when the reader of its output goes away', async () => {
    for (const line of [['ls'], ['logs', '3'], ['logs', '3', '--json']]) {
      const child = windrow(...line);
      const ended = endOf(child);
      await once(child.stdout, 'data');
      child.stdout.destroy();
      assert.deepEqual(await ended, { code: 0, stderr: '' }, String(line));
    }
  });

  it('ends at once and quietly when it is interrupted', async () => {
    const child = windrow('logs', '3');
    const ended = endOf(child);
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    child.stdout.resume();
    assert.deepEqual(await ended, { code: 130, stderr: '' });
  });

  it('ends with 3 when it is interrupted in waiting for a job, which goes on', async () => {
    const child = windrow('wait', '3', '--quiet');
    const ended = endOf(child);
    child.stdout.resume();
    const looked = () => server.requests.includes('GET /v1/jobs/3');
    await until('it looked', looked);
    child.kill('SIGTERM');
    assert.deepEqual(await ended, { code: 3, stderr: '' });
  });

  it('ends with 2 for a wrong command line, with a message and no stack', async () => {
    const { code, stderr } = await endOf(windrow('logss'));
    assert.equal(code, 2);
    assert.equal(
      stderr,
      "windrow: unknown command 'logss' (Did you mean logs?)\n  See: windrow --help\n  code: USAGE_WRONG\n",
    );
  });

  it('starts where nothing can be kept of its compiled code', async () => {
    const child = spawn(process.execPath, [program, '--version'], {
      env: { PATH: process.env.PATH, HOME: '/proc/nowhere', XDG_CACHE_HOME: '/proc/nowhere' },
    });
    const [said, ended] = await Promise.all([text(child.stdout), endOf(child)]);
    assert.match(said, /^windrow \d+\.\d+\.\d+ /);
    assert.deepEqual(ended, { code: 0, stderr: '' });
  });
});
