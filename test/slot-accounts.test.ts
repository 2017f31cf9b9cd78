/** A root worker with an account for each slot, and private directories that an expression names. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findLauncher, findTool } from '#sandbox';
import { installForTest } from './installed-program.ts';

const lacking = ['bwrap', 'unshare', 'mount'].filter((tool) => findTool(tool) === null);
const skip =
  process.getuid?.() !== 0
    ? 'only root runs jobs under other accounts'
    : findLauncher() === null
      ? 'no launcher'
      : lacking.length > 0 && `without ${lacking.join(', ')}`;

/** Accounts that are there in the mount namespace of this test alone. */
const ACCOUNTS = [1, 2].map((slot) => `wds${slot}:x:${61000 + slot}:61000::/nonexistent:/bin/sh`);
/** Only jobs that ask for much memory get a private /var/tmp; /opt only the others. */
const EXPRESSION = 'strcat("/tmp,", RequestMemory > 50 ? "/var/tmp" : "/opt")';

test('a directory that the account cannot get to is refused at once, and says what would help', {
  skip,
}, async (t) => {
  const place = installForTest();
  t.after(() => place.remove());
  chmodSync(place.directory, 0o700);
  const windrow = join(place.directory, 'bin', 'windrow');
  for (const words of [
    ['run', '--range', 'i=1..3', '--slots', '1', '--walls', 'full', '--output', 'out'],
    ['sandbox', 'run', '--walls', 'full', '--dir', join(place.directory, 'own')],
  ]) {
    const { code, stderr } = await place.run(windrow, ...words, '--', 'true');
    assert.equal(code, words[0] === 'run' ? 2 : 1, stderr);
    assert.match(stderr, /WALLS_DIRECTORY_CLOSED/);
    assert.match(stderr, /closed to the account nobody, at .*\n.*chmod o\+x/s);
  }
  assert.ok(!existsSync(join(place.directory, 'out')));
});

test('each slot has its account, in the private directories that its job is given', {
  skip,
}, async (t) => {
  const place = installForTest();
  t.after(() => place.remove());
  chmodSync(place.directory, 0o755);
  const name = `windrow-slot-${process.pid}`;
  t.after(() => assert.ok(!existsSync(`/var/tmp/${name}`)));
  const passwd = join(place.directory, 'passwd');
  writeFileSync(passwd, `${readFileSync('/etc/passwd', 'utf8').trim()}\n${ACCOUNTS.join('\n')}\n`);
  const job = [
    `echo private > /var/tmp/${name}; (echo no > /opt/${name}) 2>/dev/null && echo open`,
    `id -un; cat /proc/self/status | grep -c "^CapPrm:.*00000000$"; sleep 0.3`,
  ].join('; ');
  const words = [
    ...['run', '--set', 'x=1,2,3,4', '--slots', '2', '--walls', 'private', '--memory', '60MB'],
    ...['--output', 'out', '--json', '--', `: $x; ${job}`],
  ];
  const settings = [
    'WINDROW_ISOLATION_USER=wds%',
    `WINDROW_ISOLATION_MOUNT_UNDER_SCRATCH=${EXPRESSION}`,
  ];
  const { code, stdout, stderr } = await place.run(
    ...['unshare', '--mount', 'sh', '-c', `mount --bind "$0" /etc/passwd && exec "$@"`, passwd],
    ...['env', ...settings, join(place.directory, 'bin', 'windrow'), ...words],
  );
  assert.equal(code, 0, stdout + stderr);
  const state = join(place.directory, 'out', '.windrow');
  const shown = await place.run(
    join(place.directory, 'bin', 'windrow'),
    ...['show', '1', '--attempts', '--json', '--state', state],
  );
  const { attempts } = JSON.parse(shown.stdout) as {
    attempts: { walls: { account: string; had: string[] } }[];
  };
  const accounts = new Set(attempts.map(({ walls }) => walls.account));
  assert.deepEqual([...accounts].toSorted(), ['wds1', 'wds2']);
  assert.ok(attempts.every(({ walls }) => walls.had.includes('account')));
  // What an attempt says of itself; none could write to a directory that it was not given.
  const said = readFileSync(join(place.directory, 'out', 'stdout'), 'utf8')
    .trim()
    .split('\n');
  assert.deepEqual(new Set(said), new Set(['wds1', 'wds2', '1']));
});
