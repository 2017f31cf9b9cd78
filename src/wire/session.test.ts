import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ManualClock } from '#base';
import {
  bearerToken,
  ensureSecretFile,
  makeSecret,
  readSecretFile,
  secretMatcher,
  writeSecretFile,
} from './session.ts';
import { SessionLimit } from './session-limit.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'windrow-session-'));
});
after(() => rm(directory, { recursive: true }));

test('a secret is 256 random bits in characters that need no quoting', () => {
  assert.match(makeSecret(), /^[\w-]{43}$/);
  assert.notEqual(makeSecret(), makeSecret());
  assert.equal(
    makeSecret((bytes) => Buffer.alloc(bytes)),
    'A'.repeat(43),
  );
});

test('only the very secret matches', () => {
  const matches = secretMatcher('correct horse');
  assert.equal(matches('correct horse'), true);
  for (const wrong of ['', 'correct hors', 'correct horsf', 'correct horse ', 'CORRECT HORSE']) {
    assert.equal(matches(wrong), false, wrong);
  }
});

test('a bearer token is read from its header and from nothing else', () => {
  assert.equal(bearerToken('Bearer abc-1'), 'abc-1');
  assert.equal(bearerToken('bearer  abc-1'), 'abc-1');
  for (const header of [undefined, '', 'Basic abc', 'Bearer', 'Bearer a b']) {
    assert.equal(bearerToken(header), undefined);
  }
});

test('a secret that was written is read back, and nobody else may read it', async () => {
  const path = join(directory, 'written');
  await writeFile(path, 'old', { mode: 0o644 });
  await writeSecretFile(path, 'x'.repeat(43));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal(await readSecretFile(path), 'x'.repeat(43));
  assert.equal(await readFile(path, 'utf8'), `${'x'.repeat(43)}\n`);
});

test('a secret file that others may read is refused with the chmod that mends it', async () => {
  const path = join(directory, 'loose');
  await writeSecretFile(path, 'x'.repeat(43));
  for (const mode of [0o644, 0o640, 0o620, 0o601]) {
    await chmod(path, mode);
    await assert.rejects(readSecretFile(path), (error: { code: string; todo: string }) => {
      assert.equal(error.code, 'SECRET_FILE_OPEN_TO_OTHERS');
      assert.match(error.todo, /chmod 600 '.*loose'/);
      return true;
    });
  }
});

test('what is no secret file is refused by kind, and a FIFO does not make the reader wait', async () => {
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', ['-m', '600', fifo]);
  await assert.rejects(readSecretFile(fifo), { code: 'SECRET_FILE_MALFORMED' });
  await assert.rejects(readSecretFile(directory), { code: 'SECRET_FILE_MALFORMED' });
  await assert.rejects(readSecretFile(join(directory, 'none')), { code: 'SECRET_FILE_UNREADABLE' });
  for (const [name, content] of [
    ['empty', ''],
    ['short', 'abc\n'],
    ['binary', '\x01'.repeat(40)],
    ['two-lines', `${'a'.repeat(20)}\n${'b'.repeat(20)}\n`],
    ['huge', 'a'.repeat(5000)],
  ] as const) {
    const path = join(directory, name);
    await writeFile(path, content, { mode: 0o600 });
    await assert.rejects(readSecretFile(path), { code: 'SECRET_FILE_MALFORMED' }, name);
  }
});

test('the open file is judged, not the link that leads to it', async () => {
  const target = join(directory, 'target');
  const path = join(directory, 'link');
  await writeSecretFile(target, 'y'.repeat(43));
  await symlink(target, path);
  assert.equal(await readSecretFile(path), 'y'.repeat(43));
  await chmod(target, 0o644);
  await assert.rejects(readSecretFile(path), { code: 'SECRET_FILE_OPEN_TO_OTHERS' });
});

test('many processes that make a secret at once get one, and no draft is left', async () => {
  const path = join(directory, 'shared');
  const secrets = await Promise.all(Array.from({ length: 20 }, () => ensureSecretFile(path)));
  assert.equal(new Set(secrets).size, 1);
  assert.deepEqual(
    (await readdir(directory)).filter((name) => name.startsWith('shared.')),
    [],
  );
});

test('a secret that cannot be written leaves nothing behind and says why', async () => {
  const path = join(directory, 'no-such-directory', 'session');
  await assert.rejects(ensureSecretFile(path), { code: 'SECRET_FILE_UNWRITABLE' });
});

test('an address that sends wrong sessions is told to wait, and may try again later', () => {
  const clock = new ManualClock();
  const limit = new SessionLimit(clock, { burst: 3, refillMs: 1000, maxAddresses: 10 });
  assert.deepEqual(
    [1, 2, 3, 4].map(() => limit.wrong('192.0.2.1')),
    [0, 0, 0, 1000],
  );
  assert.equal(limit.wrong('192.0.2.2'), 0, 'another address is not concerned');
  clock.advance(400);
  assert.equal(limit.wrong('192.0.2.1'), 600);
  clock.advance(600);
  assert.equal(limit.wrong('192.0.2.1'), 0);
  assert.equal(limit.wrong('192.0.2.1'), 1000);
});

test('one subscriber is one address, however many addresses IPv6 gives them', () => {
  const limit = new SessionLimit(new ManualClock(), { burst: 1, refillMs: 1000, maxAddresses: 9 });
  assert.equal(limit.wrong('2001:db8:1:2::1'), 0);
  assert.ok(limit.wrong('2001:db8:1:2:ffff:ffff:ffff:ffff') > 0);
  assert.equal(limit.wrong('2001:db8:1:3::1'), 0);
  assert.equal(limit.wrong('::1'), 0);
  assert.equal(limit.wrong('::ffff:192.0.2.1'), 0);
  assert.ok(limit.wrong('192.0.2.1') > 0);
  assert.equal(limit.wrong('fe80::1%eth0'), 0);
  assert.ok(limit.wrong('fe80::2%eth1') > 0);
});

test('a storm from ever new addresses costs bounded memory', () => {
  const limit = new SessionLimit(new ManualClock(), { burst: 1, refillMs: 1e9, maxAddresses: 100 });
  for (let n = 0; n < 5000; n++) limit.wrong(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
  assert.equal(limit.size, 100);
});
