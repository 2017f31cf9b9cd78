/** Programs that take all they can get, beside one that does its work. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Installation, installForTest } from './installed-program.ts';

let place: Installation;
before(() => {
  place = installForTest();
});
after(() => place.remove());

const hasCgroups =
  process.getuid?.() === 0 && /^(?:\d+:pids|0):/m.test(readFileSync('/proc/self/cgroup', 'utf8'));
const skip = hasCgroups ? false : 'only root may make cgroups here';

/** Every one is bounded by itself as well, for the day on which a wall does not stand. */
const BOMB =
  'for (1..64) { my $p = fork; exit 3 unless defined $p; if (!$p) { fork; sleep 60; exit } }';
const DAEMONS =
  'for (1..1000) { if (!fork) { if (!fork) { setpgrp; select undef, undef, undef, 0.2 } exit } wait }';
const HOSTILE = {
  hog: 'ulimit -v 500000; exec python3 -c "x = bytearray(200 << 20)"',
  bomb: `exec perl -e '${BOMB}'`,
  filler: 'head -c 60000000 /dev/zero > full; sleep 30',
  daemons: `exec perl -e '${DAEMONS}'`,
};

test('a memory hog, a fork bomb, a disk filler and a thousand daemons leave the good ones alone', {
  skip,
}, async () => {
  const cases = Object.entries({ ...HOSTILE, good: 'sleep 1; echo done' });
  const script = cases.map(([name, does]) => `${name}) ${does};;`).join('\n');
  writeFileSync(join(place.directory, 'work.sh'), `case "$1" in\n${script}\nesac\n`);
  const names = [...cases.map(([name]) => name), 'good', 'good'].join(',');
  const { stdout, stderr, code } = await place.run(
    join(place.directory, 'bin', 'windrow'),
    ...[
      'run',
      '--set',
      `what=${names}`,
      '--slots',
      '4',
      '--retries',
      '0',
      '--directory',
      'scratch',
    ],
    ...['--memory', '100MB', '--disk', '20MB', '--processes', '30', '--output', 'out', '--json'],
    ...['--', 'sh', join(place.directory, 'work.sh'), `\${what}`],
  );
  assert.equal(code, 1, stdout + stderr);
  const shown = await place.run(
    join(place.directory, 'bin', 'windrow'),
    ...['show', '1', '--attempts', '--json', '--state', join(place.directory, 'out', '.windrow')],
  );
  const { attempts } = JSON.parse(shown.stdout);
  const causes = attempts
    .sort((a: { task: number }, b: { task: number }) => a.task - b.task)
    .map(({ cause }: { cause: string }) => cause);
  assert.deepEqual(causes, ['memory', 'exit-code', 'disk', 'ok', 'ok', 'ok', 'ok']);
  assert.match(attempts[0].reason, /more memory than its limit of 95.4 MiB; its peak was 95.4 MiB/);
  assert.match(attempts[1].reason, /refused another process: its limit is 30/);
  assert.match(attempts[2].reason, /wrote [\d.]+ MiB.*more than the 19.1 MiB/);
  assert.ok(attempts[1].usage.tasksPeak === null || attempts[1].usage.tasksPeak <= 30);
  // They sleep for a second; the rest is what a slow machine may take, and no bad one's doing.
  for (const good of attempts.slice(4)) assert.ok(good.usage.wallMs < 10_000, good.usage.wallMs);
  assert.ok(existsSync(join(place.directory, 'out')));
});
