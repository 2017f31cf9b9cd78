import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { api } from '#wire';
import { openDescriptors } from './field/processes.ts';
import { type Running, SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

interface Endpoint {
  readonly method: string;
  /** With the parameters of paths filled in, and the session where it goes into the address. */
  readonly path: string;
  readonly secret: 'admin' | 'session' | 'none';
  readonly hasBody: boolean;
}

const PARAMETERS: Readonly<Record<string, string>> = { sha256: 'a'.repeat(64) };
const USERS: readonly Endpoint[] = Object.values(api).map(({ method, path, auth, body }) => ({
  method,
  path: path.replace(/\{(\w+)\}/g, (_, name: string) => PARAMETERS[name] ?? '1'),
  secret: auth === 'admin' ? 'admin' : 'none',
  hasBody: body !== null,
}));
const WORKERS: readonly Endpoint[] = [
  { method: 'POST', path: '/sync', secret: 'session', hasBody: true },
  { method: 'POST', path: '/renew', secret: 'session', hasBody: true },
  { method: 'GET', path: `/blobs/${'a'.repeat(64)}`, secret: 'session', hasBody: false },
  { method: 'PUT', path: '/parts/1/0', secret: 'session', hasBody: true },
];
const OPEN: readonly Endpoint[] = [
  { method: 'GET', path: '/config', secret: 'session', hasBody: false },
  { method: 'GET', path: '/ping?ticket=1', secret: 'session', hasBody: false },
  { method: 'GET', path: '/worker?name=x&platform=linux-x64', secret: 'session', hasBody: false },
  { method: 'GET', path: '/task', secret: 'session', hasBody: false },
  { method: 'POST', path: '/complete?ticket=1', secret: 'session', hasBody: true },
  { method: 'GET', path: '/failed?ticket=1', secret: 'session', hasBody: false },
];
const ALL = [...USERS, ...WORKERS, ...OPEN];
const WITH_BODY = ALL.filter(({ hasBody }) => hasBody);
/** Answers that never end by themselves, and one that would end the server. */
const PECULIAR = new Set(['/v1/events', '/v1/server/stop']);

describe('a server that is asked by hostile clients', { timeout: 120_000 }, () => {
  let field: SweepField;
  let serve: Running;
  let port: number;
  const secrets = { admin: '', session: '', none: '' };

  before(async () => {
    field = new SweepField();
    serve = field.start(['serve', '--state', 'state', '--listen', '127.0.0.1:0']);
    const url = await serve.until('it serves', () => /http:\S+/.exec(serve.stdout())?.[0]);
    port = Number(new URL(url).port);
    secrets.admin = field.read('state/admin-token').trim();
    secrets.session = field.read('state/session').trim();
    await isAlive();
  });

  after(async () => {
    await field.must(0, 'stop', '--state', 'state', '--wait');
    const { code, stderr } = await serve.ended;
    field.remove();
    assert.equal(code, 0, stderr);
    for (const secret of [secrets.admin, secrets.session]) assert.ok(!stderr.includes(secret));
  });

  async function isAlive(): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/server`, {
      headers: { authorization: `Bearer ${secrets.admin}` },
    });
    assert.equal(answer.status, 200);
    await answer.arrayBuffer();
  }

  function head({ method, path, secret }: Endpoint, ...lines: string[]): string {
    const authorization = secret === 'none' ? [] : [`Authorization: Bearer ${secrets[secret]}`];
    return [`${method} ${path} HTTP/1.1`, 'Host: a', ...authorization, ...lines, '', ''].join(
      '\r\n',
    );
  }

  /** A connection that has sent `text`. */
  function talk(text: string | Buffer): { socket: Socket; heard: () => string } {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let heard = '';
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        heard += chunk.toString('latin1');
      });
    socket.write(text);
    return { socket, heard: () => heard };
  }

  /** The status of the answer to `text`, which the server must give. */
  async function statusOf(text: string | Buffer): Promise<number> {
    const { socket, heard } = talk(text);
    try {
      const [, status] = await until('an answer', () => /^HTTP\/1\.1 (\d{3}) /.exec(heard()));
      assert.doesNotMatch(heard(), /\bat .*:\d+:\d+/);
      return Number(status);
    } finally {
      socket.destroy();
    }
  }

  async function isRefused(text: string | Buffer, what: string): Promise<void> {
    const status = await statusOf(text);
    assert.ok(status >= 400 && status < 500, `${what}: ${status}`);
  }

  const wrongSecret = (endpoint: Endpoint) =>
    head(endpoint, 'Content-Length: 0').replace(/Bearer .*/, 'Bearer wrong');

  for (const endpoint of ALL.filter(({ secret }) => secret !== 'none')) {
    it(`refuses ${endpoint.method} ${endpoint.path} without its secret`, async () => {
      const status = await statusOf(head(endpoint, 'Content-Length: 0').replace(/Auth.*\r\n/, ''));
      assert.ok([401, 403, 429].includes(status), String(status));
      assert.ok([401, 403, 429].includes(await statusOf(wrongSecret(endpoint))));
    });
  }

  for (const endpoint of ALL.filter(({ path }) => !PECULIAR.has(path))) {
    it(`answers garbage in the address of ${endpoint.method} ${endpoint.path}`, async () => {
      const addresses = [
        endpoint.path.replace(/\b1\b/g, '-1'),
        endpoint.path.replace(/\b1\b/g, '99999999999999999999'),
        `${endpoint.path}${endpoint.path.includes('?') ? '&' : '?'}limit=x&from=-1&%00=%ff&task=1e9`,
        `${endpoint.path}/${'%2e%2e%2f'.repeat(20)}etc/passwd`,
        `${endpoint.path}%00`,
        endpoint.path.replace(/\ba{64}\b/, '..%2f..%2fsession'),
      ];
      for (const path of addresses) {
        const status = await statusOf(head({ ...endpoint, path }, 'Content-Length: 0'));
        assert.ok(status < 500 || status === 503, `${path}: ${status}`);
      }
    });
  }

  for (const endpoint of WITH_BODY.filter(({ path }) => !PECULIAR.has(path))) {
    const { method, path } = endpoint;
    it(`refuses bodies of ${method} ${path} that are garbage, too large or malformed`, async () => {
      const json = 'Content-Type: application/json';
      const deep = '['.repeat(100_000);
      for (const body of ['{', 'null', '[]', '"x"', '{"spec":1}', '\0\xff', deep]) {
        const length = `Content-Length: ${Buffer.byteLength(body)}`;
        await isRefused(`${head(endpoint, json, length)}${body}`, `${path} ${body.slice(0, 20)}`);
      }
      await isRefused(head(endpoint, json, 'Content-Length: -1'), 'a negative length');
      await isRefused(
        head(endpoint, json, 'Content-Length: 5', 'Transfer-Encoding: chunked'),
        'two lengths',
      );
      await isRefused(`${head(endpoint, json, 'Transfer-Encoding: chunked')}zz\r\n`, 'no chunk');
    });

    it(`gives up half a body of ${method} ${path} when its client goes away`, async () => {
      const { socket } = talk(`${head(endpoint, 'Content-Length: 100000')}{"half":`);
      await once(socket, 'connect');
      socket.destroy();
      await isAlive();
    });
  }

  it('refuses JSON that is larger than a route takes, announced or not', async () => {
    for (const endpoint of WITH_BODY.filter(({ path }) => /sync|renew|jobs|workers/.test(path))) {
      const json = 'Content-Type: application/json';
      await isRefused(head(endpoint, json, 'Content-Length: 99999999999'), endpoint.path);
    }
  });

  it('refuses what is not HTTP, heads without end, and methods that are none', async () => {
    const status = [
      'nonsense\r\n\r\n',
      `GET /v1/jobs HTTP/1.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
      'BREW /task HTTP/1.1\r\nHost: a\r\n\r\n',
      `GET /${'a/'.repeat(5000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      'GET /v1/jobs HTTP/1.1\r\nHost: a\r\nBad Header\r\n\r\n',
      Buffer.from('16030100a5010000a10303', 'hex'),
    ];
    for (const text of status) await isRefused(text, text.toString('latin1').slice(0, 20));
    await isRefused(head({ ...OPEN[3]!, method: 'DELETE' }), 'DELETE');
  });

  it('holds no descriptors for clients that have gone', async () => {
    const before = openDescriptors(serve.pid);
    // The others refuse such a body at its beginning and close the connection.
    const patient = WITH_BODY.filter(({ path }) => /tables|blobs|complete/.test(path));
    const talks = Array.from({ length: 60 }, (_, i) => {
      const endpoint = patient[i % patient.length]!;
      return talk(`${head(endpoint, 'Content-Length: 1000000')}${'x'.repeat(500)}`);
    });
    await until('they are connected', () => openDescriptors(serve.pid) >= before + 40);
    for (const { socket } of talks) socket.destroy();
    await until('they are forgotten', () => openDescriptors(serve.pid) <= before + 3);
    const kept = () =>
      ['state/spool', 'state/blobs'].flatMap((name) => (field.has(name) ? field.list(name) : []));
    await until('no part of an upload is kept', () => kept().length === 0);
    await isAlive();
  });

  it('still works: a sweep is run by it and a worker', async () => {
    const worker = field.start([
      ...['worker', '--state', 'state', '--dir', 'worker', '--slots', '1', '--walls', 'bare'],
    ]);
    const url = `http://127.0.0.1:${port}`;
    await field.must(
      0,
      ...['run', '--server', url, '--token-file', 'state/admin-token', '--range', 'i=1..3'],
      ...['--', 'echo $i'],
    );
    const { stdout } = await field.must(0, 'results', '--state', 'state');
    assert.equal(stdout, '1\n2\n3\n');
    process.kill(worker.pid, 'SIGTERM');
    assert.equal((await worker.ended).code, 0);
  });
});
