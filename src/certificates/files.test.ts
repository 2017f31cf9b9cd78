import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { filesIn, initTls, readTls, renewTls } from './mod.ts';

const NAMES = ['node17.example', 'localhost', '127.0.0.1', '::1'];
const DAY_MS = 86_400_000;

describe("a site's own certificates", () => {
  let directory: string;
  let nowMs: number;
  beforeEach(() => {
    directory = join(mkdtempSync(join(tmpdir(), 'windrow-tls-')), 'tls');
    nowMs = Date.now();
  });
  afterEach(() => rmSync(join(directory, '..'), { recursive: true }));

  const openssl = (...argv: string[]) =>
    execFileSync('openssl', argv, { cwd: directory, encoding: 'utf8' });

  it('are made by one call, with keys that nobody else reads', async () => {
    const made = await initTls(directory, NAMES, nowMs);
    assert.deepEqual(made.names, [...NAMES.slice(0, 3), '0:0:0:0:0:0:0:1']);
    for (const name of ['ca-key.pem', 'server-key.pem'])
      assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600);
    await assert.rejects(initTls(directory, NAMES, nowMs), { code: 'TLS_EXISTS' });
  });

  it('are what openssl takes for a server, and for nothing else', async () => {
    await initTls(directory, NAMES, nowMs);
    const verify = ['verify', '-CAfile', 'ca.pem', '-x509_strict'];
    assert.match(
      openssl(...verify, '-purpose', 'sslserver', '-verify_hostname', NAMES[0]!, 'server.pem'),
      /OK/,
    );
    assert.match(openssl(...verify, '-verify_ip', '127.0.0.1', 'server.pem'), /OK/);
    assert.throws(() => openssl(...verify, '-verify_hostname', 'other.example', 'server.pem'));
    assert.throws(() => openssl(...verify, '-purpose', 'sslclient', 'server.pem'));
    assert.match(openssl('x509', '-in', 'ca.pem', '-noout', '-text'), /pathlen:0/);
  });

  it('are renewed by the same authority: the pin stays, the certificate does not', async () => {
    const first = await initTls(directory, NAMES, nowMs);
    const second = await renewTls(directory, [], nowMs + 300 * DAY_MS);
    assert.equal(second.pin, first.pin);
    assert.notEqual(second.fingerprint, first.fingerprint);
    assert.deepEqual(second.names, first.names);
    const third = await renewTls(directory, ['other.example'], nowMs);
    assert.deepEqual(third.names, ['other.example']);
  });

  it('are refused when they are over, foreign, broken or open to others', async () => {
    await initTls(directory, NAMES, nowMs);
    const files = filesIn(directory);
    assert.throws(() => readTls(files, nowMs + 400 * DAY_MS), { code: 'TLS_EXPIRED' });
    assert.throws(() => readTls({ ...files, key: join(directory, 'ca-key.pem') }, nowMs), {
      code: 'TLS_UNUSABLE',
    });
    chmodSync(files.key, 0o640);
    assert.throws(() => readTls(files, nowMs), { code: 'TLS_KEY_OPEN_TO_OTHERS' });
    chmodSync(files.key, 0o600);
    writeFileSync(files.certificate, 'nonsense');
    assert.throws(() => readTls(files, nowMs), { code: 'TLS_UNUSABLE' });
    rmSync(files.certificate);
    assert.throws(() => readTls(files, nowMs), { code: 'TLS_MISSING' });
    await assert.rejects(renewTls(directory, ['a b'], nowMs), { code: 'TLS_NAME_WRONG' });
  });

  it('may be made elsewhere, by openssl', async () => {
    await initTls(directory, NAMES, nowMs);
    openssl(
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '30',
      ],
      ...['-subj', '/CN=own.example', '-addext', 'subjectAltName=DNS:own.example'],
      ...['-keyout', 'own-key.pem', '-out', 'own.pem'],
    );
    const own = readTls(
      { certificate: join(directory, 'own.pem'), key: join(directory, 'own-key.pem') },
      nowMs,
    );
    assert.equal(own.pin, own.fingerprint);
  });
});
