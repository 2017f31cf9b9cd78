import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { WindrowError } from '#base';
import { ApiClient, type ApiHandlers, problemOf } from '#wire';
import { fault, openFakeApiServer } from './fake-api-server.ts';

async function talk(
  handlers: Partial<ApiHandlers>,
  use: (client: ApiClient, requests: string[]) => Promise<void>,
  token?: string,
): Promise<void> {
  const server = await openFakeApiServer(handlers);
  const client = new ApiClient({ url: server.url, token: token ?? server.token });
  try {
    await use(client, server.requests);
  } finally {
    await client.close();
    await server.close();
  }
}

const code = (expected: string) => (error: WindrowError) => {
  assert.equal(error.code, expected, error.message);
  return true;
};

describe('a client of the user API', () => {
  it('sends parameters, query and body, and gets the checked answer', async () => {
    await talk(
      {
        listJobs: async ({ query }) => ({ jobs: [], next: (query.limit ?? 0) + 1 }),
        retryJob: async ({ params, body }) => ({
          retried: params.job + (body.tasks?.length ?? 0),
          counts: {
            waiting: 1,
            staging: 0,
            running: 0,
            checking: 0,
            done: 0,
            failed: 0,
            held: 0,
            removed: 0,
          },
        }),
      },
      async (client, requests) => {
        assert.deepEqual(await client.call('listJobs', { query: { limit: 7 } }), {
          jobs: [],
          next: 8,
        });
        const answer = await client.call('retryJob', {
          params: { job: 3 },
          body: { tasks: [1, 2] },
        });
        assert.equal(answer.retried, 5);
        assert.deepEqual(requests, ['GET /v1/jobs?limit=7', 'POST /v1/jobs/3/retry']);
      },
    );
  });

  it('gets the error that the server had, with code and what to do', async () => {
    const getServer = async () => {
      throw fault('DISK_ON_FIRE', 'the disk burns', 507);
    };
    await talk({ getServer }, async (client) => {
      await assert.rejects(client.call('getServer', {}), (error: WindrowError) => {
        assert.deepEqual(
          [error.code, error.message, error.todo, error.status],
          ['DISK_ON_FIRE', 'the disk burns', 'Try something else.', 507],
        );
        return true;
      });
    });
  });

  it('is told what is wrong with a request', async () => {
    await talk({ changeJob: async () => assert.fail('it was handled') }, async (client) => {
      const body = { action: 'explode' } as never;
      await assert.rejects(
        client.call('changeJob', { params: { job: 1 }, body }),
        (error: WindrowError) => {
          assert.equal(error.code, 'API_REQUEST_INVALID');
          assert.match(error.message, /body\.action/);
          return true;
        },
      );
    });
  });

  it('with a wrong token is refused', async () => {
    await talk(
      { listWorkers: async () => ({ workers: [] }) },
      async (client) => assert.rejects(client.call('listWorkers', {}), code('API_TOKEN_WRONG')),
      'not-the-token-of-this-server',
    );
  });

  it('takes no answer that is not what the route describes', async () => {
    await talk(
      { listWorkers: async () => ({ workers: [{ name: 3 }] }) as never },
      async (client) => {
        await assert.rejects(client.call('listWorkers', {}), code('API_ANSWER_INVALID'));
      },
    );
  });

  it('reads lines as they come, however they are cut', async () => {
    const line = { task: 1, ticket: 9, number: 1, stream: 'stdout', line: 1 } as const;
    const texts = ['plain', 'ümläut 漢字 🌾', '', 'x'.repeat(100_000)];
    await talk(
      {
        readLogs: async function* () {
          for (const text of texts) yield { ...line, text };
        } as never,
      },
      async (client) => {
        const seen: string[] = [];
        for await (const { text } of await client.call('readLogs', { params: { job: 1 } }))
          seen.push(text);
        assert.deepEqual(seen, texts);
      },
    );
  });

  it('reads events until it has seen enough, and the server notices', async () => {
    let left = false;
    const events = async function* (_: unknown, call: { signal: AbortSignal }) {
      yield { id: 1, atMs: 5, kind: 'server', state: 'running', reason: '' };
      await once(call.signal, 'abort');
      left = true;
    };
    const gone = Promise.withResolvers<void>();
    const watched = async (input: unknown, call: { signal: AbortSignal }) => {
      call.signal.addEventListener('abort', () => setImmediate(gone.resolve));
      return events(input, call);
    };
    await talk({ watchEvents: watched as never }, async (client) => {
      for await (const event of await client.call('watchEvents', { query: { job: 1 } })) {
        assert.equal(event.kind, 'server');
        break;
      }
      await gone.promise;
      assert.equal(left, true);
    });
  });

  it('reads bytes exactly', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    await talk(
      { readOutput: async () => ({ stream: Readable.from([bytes]), bytes: bytes.length }) },
      async (client) => {
        const answer = await client.call('readOutput', {
          params: { job: 1 },
          query: { file: 'a b' },
        });
        assert.equal(answer.bytes, bytes.length);
        assert.ok(bytes.equals(await buffer(answer.stream)));
      },
    );
  });

  it('says so when a stream breaks off', async () => {
    const broken = async function* () {
      yield { task: 1, ticket: 9, number: 1, stream: 'stdout', line: 1, text: 'first' };
      throw new Error('the server fell over');
    };
    await talk({ readLogs: broken as never }, async (client) => {
      const lines = await client.call('readLogs', { params: { job: 1 } });
      await assert.rejects(async () => {
        for await (const line of lines) assert.equal(line.text, 'first');
      }, code('SERVER_CONNECTION_LOST'));
    });
  });

  it('throws what failed after an answer of lines began, as the server told it', async () => {
    const failing = async function* () {
      const error = fault('LOGS_PATTERN_INVALID', 'The pattern ( is no regular expression', 400);
      yield { error: problemOf(error) };
    };
    await talk({ readLogs: failing as never }, async (client) => {
      const lines = await client.call('readLogs', { params: { job: 1 } });
      await assert.rejects(async () => {
        for await (const line of lines) assert.fail(JSON.stringify(line));
      }, code('LOGS_PATTERN_INVALID'));
    });
  });

  it('sends a small file by one request, as a blob under its digest', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'windrow-client-'));
    const file = join(directory, 'program');
    writeFileSync(file, 'echo');
    const sha256 = createHash('sha256').update('echo').digest('hex');
    const kept = new Map<string, Buffer>();
    const handlers: Partial<ApiHandlers> = {
      putBlob: async ({ params, body }) => {
        kept.set(params.sha256, await buffer(body));
        return { sha256: params.sha256, bytes: 4 };
      },
    };
    try {
      await talk(handlers, async (client, requests) => {
        const options = { memory: directory, onProgress: () => {} };
        await client.sendBlob(file, { sha256, bytes: 4 }, options);
        assert.equal(kept.get(sha256)?.toString(), 'echo');
        assert.deepEqual(requests, [`PUT /v1/blobs/${sha256}`]);
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('names the address where nobody answers', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as { port: number };
    probe.close();
    await once(probe, 'close');
    const client = new ApiClient({ url: `http://127.0.0.1:${port}`, token: 'whatever-it-is-here' });
    await assert.rejects(client.call('getServer', {}), code('SERVER_UNREACHABLE'));
    await client.close();
  });
});
