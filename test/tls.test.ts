import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import { describe, it } from 'node:test';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { initTls } from '#certificates';
import { inField, type Running, type SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const run = promisify(execFile);
const STATE = ['--state', 'state'];

async function serve(
  field: SweepField,
  ...more: string[]
): Promise<{ server: Running; url: string }> {
  const server = field.start(['serve', '--tls', ...STATE, '--listen', '0.0.0.0:0', ...more]);
  const url = await server.until('it serves', () => /serving (\S+)/.exec(server.stdout())?.[1]);
  // Listening everywhere, it is asked by the name that every machine has.
  return { server, url: url.replace('0.0.0.0', 'localhost') };
}

async function stop(...running: Running[]): Promise<void> {
  for (const { pid } of running) process.kill(pid, 'SIGTERM');
  await Promise.all(running.map(({ ended }) => ended));
}

/** Whether a connection with these options comes about; the reason where not. */
function handshake(port: number, options: object): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    socket.once('secureConnect', () => resolve(socket.getProtocol() ?? ''));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('closed'));
  });
}

describe('a server with TLS', () => {
  it('is needed to listen beyond loopback, or a word that it is not', () =>
    inField(async (field) => {
      const refused = await field.must(1, 'serve', ...STATE, '--listen', '0.0.0.0:0');
      assert.match(refused.stderr, /tls init.*--insecure/s);
      const missing = await field.must(1, 'serve', '--tls', ...STATE, '--listen', '0.0.0.0:0');
      assert.match(missing.stderr, /code: TLS_MISSING/);
    }));

  it('runs a sweep by workers and commands that know it by its fingerprint', () =>
    inField(async (field) => {
      const made = await field.must(0, 'tls', 'init', ...STATE);
      const pin = /pin: +(sha256:[0-9a-f]{64})/.exec(made.stdout)![1]!;
      const { server, url } = await serve(field, '--lease', '4s');
      assert.ok(url.startsWith('https://') && url.endsWith(`#${pin}`), url);
      const session = ['--session-file', 'state/session', '--dir', 'work'];
      const worker = field.start(['worker', '--server', url, '--slots', '2', ...session]);
      const there = ['--server', url, '--token-file', 'state/admin-token'];
      const sweep = ['--range', 'i=1..20', '--result', 'big=big', '--name', 'sealed'];
      const command = 'head -c 300000 /dev/zero | tr "\\0" x > big; sleep 0.3; echo $i';
      await field.must(0, 'run', ...there, ...sweep, '--output', 'out', '--', command);
      // By the state directory alone, too, and the lease is kept by the pulse thread's own connection.
      const { workers } = await field.json('workers', ...STATE);
      assert.equal(workers[0].done, 20);
      assert.notEqual(workers[0].roundTripMs, null);
      assert.doesNotMatch(worker.stderr(), /lost|again/);
      await stop(worker, server);
    }));

  it('is talked to by curl, which knows its authority', () =>
    inField(async (field) => {
      await field.must(0, 'tls', 'init', 'localhost', '127.0.0.1', ...STATE);
      const { server, url } = await serve(field);
      const [origin] = url.split('#');
      const token = field.read('state/admin-token').trim();
      const ask = ['-sS', '-H', `Authorization: Bearer ${token}`, `${origin}/v1/server`];
      const { stdout } = await run('curl', ['--cacert', field.path('state/tls/ca.pem'), ...ask]);
      assert.equal(JSON.parse(stdout).state, 'running');
      await assert.rejects(run('curl', ask), /certificate/i);
      await stop(server);
    }));

  it('is not talked to when its certificate is another, be it of the same name', () =>
    inField(async (field) => {
      await field.must(0, 'tls', 'init', 'localhost', '127.0.0.1', ...STATE);
      const { server, url } = await serve(field);
      // The one in between has the same names, and even sends the true authority along.
      await field.must(0, 'tls', 'init', 'localhost', '127.0.0.1', '--state', 'evil');
      const chain = readFileSync(field.path('evil/tls/server.pem'), 'utf8');
      field.write('evil/tls/server.pem', `${chain}${field.read('state/tls/ca.pem')}`, 0o600);
      cpSync(field.path('state/session'), field.path('evil/session'));
      cpSync(field.path('state/admin-token'), field.path('evil/admin-token'));
      const evil = field.start(['serve', '--tls', '--state', 'evil', '--listen', '127.0.0.1:0']);
      const evilUrl = await evil.until('it serves', () => /serving (\S+)/.exec(evil.stdout())?.[1]);
      const pinned = `${evilUrl.split('#')[0]}#${url.split('#')[1]}`;
      const token = ['--token-file', 'state/admin-token'];
      const command = await field.must(1, 'ls', '--server', pinned, ...token);
      assert.match(command.stderr, /code: SERVER_PIN_MISMATCH/);
      const session = ['--session-file', 'state/session', '--dir', 'work'];
      const worker = field.start([
        'worker',
        '--server',
        pinned,
        ...session,
        '--first-contact',
        '1s',
      ]);
      const { code, stderr } = await worker.ended;
      assert.equal(code, 1);
      assert.match(stderr, /not the one that its address pins/);
      assert.doesNotMatch(evil.stderr(), /worker/);
      await stop(server, evil);
    }));

  it('is told apart from one without, either way round', () =>
    inField(async (field) => {
      await field.must(0, 'tls', 'init', 'localhost', '127.0.0.1', ...STATE);
      const { server, url } = await serve(field);
      const token = ['--token-file', 'state/admin-token'];
      const plainly = url.split('#')[0]!.replace('https', 'http');
      const first = await field.must(1, 'ls', '--server', plainly, ...token);
      assert.match(first.stderr, /If it speaks TLS, its address begins with https/);
      await stop(server);
      const plain = field.start(['serve', ...STATE, '--listen', '127.0.0.1:0']);
      const plainUrl = await plain.until(
        'it serves',
        () => /serving (\S+)/.exec(plain.stdout())?.[1],
      );
      const sealed = `${plainUrl.replace('http', 'https')}#${url.split('#')[1]}`;
      const second = await field.must(1, 'ls', '--server', sealed, ...token);
      assert.match(second.stderr, /speaks http,(.|\n)*code: SERVER_SCHEME_WRONG/);
      await stop(plain);
    }));

  it('does not speak TLS 1.1, and says nothing to who speaks none', () =>
    inField(async (field) => {
      await field.must(0, 'tls', 'init', 'localhost', ...STATE);
      const { server, url } = await serve(field);
      const port = Number(new URL(url).port);
      const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
      assert.doesNotMatch(await handshake(port, old), /^TLSv/);
      assert.match(await handshake(port, {}), /^TLSv1\.[23]$/);
      const heard = await new Promise<Buffer>((resolve) => {
        const pieces: Buffer[] = [];
        const socket = connectPlain(port, '127.0.0.1', () =>
          socket.write('GET / HTTP/1.1\r\n\r\n'),
        );
        socket.on('data', (piece: Buffer) => pieces.push(piece));
        socket.on('error', () => {});
        socket.on('close', () => resolve(Buffer.concat(pieces)));
      });
      assert.doesNotMatch(heard.toString('latin1'), /HTTP/);
      await stop(server);
    }));

  it('gets a new certificate while it runs, and its workers go on', () =>
    inField(async (field) => {
      await field.must(0, 'tls', 'init', 'localhost', '127.0.0.1', ...STATE);
      const { server, url } = await serve(field);
      const shown = await field.json('tls', 'show', ...STATE);
      await field.must(0, 'tls', 'renew', ...STATE);
      const renewed = await field.json('tls', 'show', ...STATE);
      assert.equal(renewed.pin, shown.pin);
      const port = Number(new URL(url).port);
      await until('new connections get it', async () => {
        const fingerprint = await new Promise<string>((resolve) => {
          const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
            resolve(socket.getPeerX509Certificate()!.fingerprint256);
            socket.destroy();
          });
        });
        return fingerprint.replaceAll(':', '').toLowerCase() === renewed.fingerprint;
      });
      await field.must(0, 'ls', '--server', url, '--token-file', 'state/admin-token');
      await stop(server);
    }));

  it('says when its certificate is over, and nobody talks to one whose is', () =>
    inField(async (field) => {
      const { pin } = await initTls(field.path('state/tls'), ['localhost'], Date.UTC(2020, 0, 1));
      const refused = await field.must(1, 'serve', '--tls', ...STATE, '--listen', '127.0.0.1:0');
      assert.match(refused.stderr, /valid until 2021-02-01(.|\n)*code: TLS_EXPIRED/);
      const cert = field.read('state/tls/server.pem');
      const key = field.read('state/tls/server-key.pem');
      const asked: string[] = [];
      const old = createServer({ cert, key }, (request, response) => {
        asked.push(request.url!);
        response.end();
      });
      await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
      const { port } = old.address() as AddressInfo;
      field.write('token', `${'t'.repeat(20)}\n`, 0o600);
      const at = ['--server', `https://127.0.0.1:${port}#sha256:${pin}`, '--token-file', 'token'];
      const command = await field.must(1, 'ls', ...at);
      assert.match(command.stderr, /2021(.|\n)*code: SERVER_CERTIFICATE_EXPIRED/);
      assert.deepEqual(asked, []);
      await new Promise((resolve) => old.close(resolve));
    }));

  it('takes traces only from who has a certificate of the wished authority', () =>
    inField(async (field) => {
      await field.must(0, 'tls', 'init', 'localhost', '127.0.0.1', ...STATE);
      await field.must(0, 'tls', 'init', 'sender', '--state', 'senders');
      const authority = ['--trace-client-ca', 'senders/tls/ca.pem'];
      const { server, url } = await serve(field, '--traces', ...authority);
      const form = ['-F', 'username=rocks', '-F', 'id=1.2', '-F', 'filename=@state/session'];
      const to = `${url.split('#')[0]}/traces/sbin/store-trace.cgi`;
      const post = [
        '-sS',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '--cacert',
        'state/tls/ca.pem',
        ...form,
        to,
      ];
      const ask = async (...more: string[]) =>
        (await run('curl', [...more, ...post], { cwd: field.directory })).stdout;
      assert.equal(await ask(), '403');
      const own = ['--cert', 'own.pem', '--key', 'own-key.pem'];
      const days = ['-days', '2', '-subj', '/CN=sender'];
      const openssl = (...argv: string[]) =>
        execFileSync('openssl', argv, { cwd: field.directory, stdio: 'ignore' });
      openssl(
        'req',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-subj',
        '/CN=sender',
        '-keyout',
        'own-key.pem',
        '-out',
        'own.csr',
      );
      const ca = [
        '-CA',
        'senders/tls/ca.pem',
        '-CAkey',
        'senders/tls/ca-key.pem',
        '-CAcreateserial',
      ];
      openssl('x509', '-req', '-in', 'own.csr', ...ca, '-days', '2', '-out', 'own.pem');
      assert.equal(await ask(...own), '200');
      field.write('app/n1.app-trace.out', 'x');
      chmodSync(field.path('own-key.pem'), 0o600);
      const collect = ['traces', 'collect', '--here', '--dir', 'app', '--to', url, ...STATE];
      const stranger = await field.must(1, ...collect);
      assert.match(stranger.stderr, /TRACE_CERTIFICATE_MISSING/);
      await field.must(0, ...collect, '--trace-cert', 'own.pem', '--trace-key', 'own-key.pem');
      const broken = await field.must(1, ...collect, '--trace-cert', 'own.pem');
      assert.match(broken.stderr, /TLS_UNUSABLE|TLS_KEY_OPEN_TO_OTHERS/);
      openssl(
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        ...days,
        '-keyout',
        'own-key.pem',
        '-out',
        'own.pem',
      );
      assert.equal(await ask(...own), '403');
      await stop(server);
    }));
});
