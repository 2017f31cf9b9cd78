import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, describe, it } from 'node:test';
import manifest from '../package.json' with { type: 'json' };
import { builtExecutable } from './built-executable.ts';
import { inField, type Running, type SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const OLD = '0.0.1';
const NEW = manifest.version;
const PLATFORM = 'linux-x64';

interface Shown {
  readonly version: string;
  readonly state: string;
}

let oldOne = '';
let newOne = '';

before(async () => {
  oldOne = await builtExecutable(PLATFORM, OLD);
  newOne = await builtExecutable(PLATFORM, NEW);
});

/** An old executable in a directory of its own, as a worker whose session comes by stdin. */
function startOldWorker(field: SweepField, url: string, session: string): Running {
  const program = field.path('bin', 'windrow');
  mkdirSync(dirname(program));
  copyFileSync(oldOne, program);
  const words = ['worker', '--server', url, '--session-stdin', '--dir', 'worker', '--slots', '2'];
  return field.start(words, { program: [program], stdin: `${session}\n` });
}

const executableOf = ({ pid }: Running) => basename(readlinkSync(`/proc/${pid}/exe`));

async function serve(field: SweepField): Promise<{ serving: Running; url: string }> {
  const options = ['--listen', '127.0.0.1:0', '--state', 'state', '--executables', dirname(newOne)];
  const serving = field.start(['serve', ...options], { program: [newOne] });
  const url = await serving.until('it serves', () => /http:\S+/.exec(serving.stdout())?.[0]);
  return { serving, url };
}

describe('a worker that is older than its server', () => {
  it('goes on as the server’s executable, as the same process, and loses no attempt', async () => {
    await inField(async (field) => {
      const { serving, url } = await serve(field);
      const session = field.read('state/session').trim();
      const worker = startOldWorker(field, url, session);
      await until('the old one works', async () => {
        const { workers } = await field.json('workers', '--state', 'state');
        // Also when it has given way meanwhile.
        return workers.some(({ version }: Shown) => version === OLD);
      });
      const server = ['--server', url, '--token-file', 'state/admin-token', '--json'];
      const sweep = async (rows: string) => {
        const range = ['--range', `i=${rows}`, '--output', `out-${rows}`];
        const { stdout } = await field.must(0, 'run', ...server, ...range, '--', 'sleep 0.25');
        return JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
      };
      // The old one fetches, tries and gives way while these run.
      const during = await sweep('1..40');
      assert.deepEqual([during.attempts, during.causes], [40, { ok: 40 }]);
      const isNew = () => executableOf(worker).startsWith(`windrow-${NEW}-`);
      await worker.until('the same process is the new one', isNew);
      await until('the new one works', async () => {
        const { workers } = await field.json('workers', '--state', 'state');
        return workers.some((one: Shown) => one.version === NEW && one.state === 'active');
      });
      assert.deepEqual((await sweep('41..44')).causes, { ok: 4 });
      assert.equal(readdirSync(field.path('bin')).length, 2, 'the old one stays where it was');
      assert.deepEqual(
        readdirSync(field.path('worker', hostname())).filter((name) => name.startsWith('handed')),
        [],
      );
      process.kill(worker.pid, 'SIGTERM');
      assert.equal((await worker.ended).code, 0);
      process.kill(serving.pid, 'SIGTERM');
      await serving.ended;
    });
  });

  it('is told which version has what, and becomes of the server’s, when they do not understand each other', async () => {
    await inField(async (field) => {
      const server = await openStrangeServer();
      const worker = startOldWorker(field, server.url, 's'.repeat(40));
      await until('the new one speaks', () => server.versions.has(NEW));
      assert.ok(executableOf(worker).startsWith(`windrow-${NEW}-`));
      server.answerNew();
      assert.match(worker.stderr(), /worker is Windrow 0\.0\.1 and speaks protocol 1, the server/);
      worker.kill();
      await worker.ended;
      server.close();
    });
  });
});

describe('a server', () => {
  it('gives its executables to those who know the session', async () => {
    await inField(async (field) => {
      const { serving, url } = await serve(field);
      const session = field.read('state/session').trim();
      const get = (path: string, secret = session) =>
        fetch(url + path, { headers: { authorization: `Bearer ${secret}` } });
      assert.equal((await get(`/client/${PLATFORM}`, 'x'.repeat(40))).status, 403);
      assert.equal((await get('/client/linux-s390x')).status, 404);
      const offer = (await (await get('/client/Linux+x86_64')).json()) as Record<string, unknown>;
      const sha256 = createHash('sha256').update(readFileSync(newOne)).digest('hex');
      assert.deepEqual([offer.version, offer.sha256], [NEW, sha256]);
      const whole = await get(`/client/${PLATFORM}/${sha256}`);
      const digest = createHash('sha256').update(Buffer.from(await whole.arrayBuffer()));
      assert.equal(digest.digest('hex'), sha256);
      assert.equal((await get(`/client/${PLATFORM}/${'0'.repeat(64)}`)).status, 404);
      assert.equal((await get(`/client/${PLATFORM}/${sha256}?encoding=rot13`)).status, 400);
      process.kill(serving.pid, 'SIGTERM');
      await serving.ended;
    });
  });

  it('tells a worker of another protocol who has what', async () => {
    await inField(async (field) => {
      const { serving, url } = await serve(field);
      const authorization = `Bearer ${field.read('state/session').trim()}`;
      const answer = await fetch(`${url}/sync`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ protocol: 99, version: '7.0.0' }),
      });
      const { code, detail, facts } = (await answer.json()) as Record<string, unknown>;
      assert.deepEqual([answer.status, code], [409, 'PROTOCOL_MISMATCH']);
      assert.match(String(detail), /worker is Windrow 7\.0\.0 and speaks protocol 99/);
      assert.equal((facts as Record<string, unknown>).serverVersion, NEW);
      process.kill(serving.pid, 'SIGTERM');
      await serving.ended;
    });
  });
});

/**
 * Of a protocol that an old worker does not know; it only has an executable for it. That one is refused as
 * well, and ends, but not before `answerNew`.
 */
async function openStrangeServer() {
  const bytes = readFileSync(newOne);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const offer = { version: NEW, sha256, bytes: bytes.length, encodings: ['identity'] };
  const versions = new Set<string>();
  const { promise: looked, resolve: answerNew } = Promise.withResolvers<void>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const send = (status: number, type: string, body: Buffer | string) =>
      response.writeHead(status, { 'content-type': type }).end(body);
    if (request.url === `/client/${PLATFORM}`) {
      send(200, 'application/json', JSON.stringify(offer));
    } else if (request.url === `/client/${PLATFORM}/${sha256}`) {
      send(200, 'application/octet-stream', bytes);
    } else {
      const { version } = JSON.parse(await text(request));
      versions.add(version);
      if (version === NEW) await looked;
      send(409, 'application/problem+json', JSON.stringify(mismatchOf(version)));
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, versions, answerNew, close: () => server.close() };
}

function mismatchOf(workerVersion: string): object {
  const facts = { workerVersion, workerProtocol: 1, serverVersion: NEW, serverProtocol: 2 };
  const detail = `the worker is Windrow ${workerVersion} and speaks protocol 1, the server 2`;
  const rest = { title: 'mismatch', status: 409, detail, todo: 'the same on both', facts };
  return { type: 'about:blank', code: 'PROTOCOL_MISMATCH', ...rest };
}
