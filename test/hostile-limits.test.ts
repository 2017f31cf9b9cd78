/**
 * Programs that take all they can get, beside one that does its work: as root, where cgroups hold them; and as
 * an ordinary user, who has none here, where looks at processes and files find them and brakes hold them
 * in between.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { environmentIn, HOME } from './installed-program.ts';

const WINDROW = join(HOME, 'bin', 'windrow');
/** No account of the machine has this number. */
const USER = '54329';
const AS_USER = ['setpriv', '--reuid', USER, '--regid', USER, '--clear-groups'];
const isRoot = process.getuid?.() === 0;
const hasCgroups = isRoot && /^(?:\d+:pids|0):/m.test(readFileSync('/proc/self/cgroup', 'utf8'));
const isReadable =
  !isRoot || spawnSync(AS_USER[0]!, [...AS_USER.slice(1), 'test', '-r', WINDROW]).status === 0;

/** Every one is bounded by itself as well, for the day on which a wall does not stand. */
const BOMB =
  'for (1..64) { my $p = fork; exit 3 unless defined $p; if (!$p) { fork; sleep 60; exit } } sleep 60';
/** A thousand, ten at a time: each new one waits for the word of one that ends. */
const DAEMONS = `pipe R, W; for (1..1000) { exit 4 unless defined(my $p = fork);
  if (!$p) { if (!fork) { setpgrp; select undef, undef, undef, 0.01; syswrite W, "x" } exit }
  waitpid $p, 0; sysread R, my $b, 1 if $_ > 10 }`;
const DOES = {
  hog: 'ulimit -v 500000; exec python3 -c "x = bytearray(200 << 20); import time; time.sleep(60)"',
  bomb: `exec perl -e '${BOMB}'`,
  filler: 'head -c 60000000 /dev/zero > full; sleep 60',
  daemons: `exec perl -e '${DAEMONS}'`,
  good: 'sleep 1; echo done',
};
const SCRIPT = `case "$1" in\n${Object.entries(DOES)
  .map(([name, does]) => `${name}) ${does};;`)
  .join('\n')}\nesac`;
const NAMES = [...Object.keys(DOES), 'good', 'good'];

interface ShownAttempt {
  readonly task: number;
  readonly cause: string;
  readonly reason: string;
  readonly usage: { readonly tasksPeak: number | null; readonly wallMs: number };
}

interface Field {
  readonly directory: string;
  windrow(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
}

function fieldOf(t: TestContext, prefix: readonly string[]): Field {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-hostile-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, 'home'));
  if (prefix.length > 0) {
    for (const path of [directory, join(directory, 'home')]) chownSync(path, +USER, +USER);
  }
  return {
    directory,
    windrow: async (...argv) => {
      const [file, ...words] = [...prefix, WINDROW, ...argv];
      const child = spawn(file!, words, {
        cwd: directory,
        env: environmentIn(directory),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const said = Promise.all([text(child.stdout), text(child.stderr)]);
      const [code] = await once(child, 'close');
      const [stdout, stderr] = await said;
      return { code, stdout, stderr };
    },
  };
}

async function attemptsBeside(field: Field, walls: string): Promise<ShownAttempt[]> {
  const ran = await field.windrow(
    ...['run', '--set', `what=${NAMES.join(',')}`, '--slots', '4', '--retries', '0', '--json'],
    ...['--directory', 'scratch', '--memory', '100MB', '--disk', '20MB', '--processes', '30'],
    ...[
      '--walls',
      walls,
      '--output',
      'out',
      '--',
      'sh',
      '-c',
      SCRIPT.replaceAll('$', '$$$$'),
      'sh',
      `\${what}`,
    ],
  );
  assert.equal(ran.code, 1, ran.stdout + ran.stderr);
  const state = join(field.directory, 'out', '.windrow');
  const shown = await field.windrow('show', '1', '--attempts', '--json', '--state', state);
  const { attempts } = JSON.parse(shown.stdout) as { attempts: ShownAttempt[] };
  return attempts.sort((a, b) => a.task - b.task);
}

function judge(attempts: readonly ShownAttempt[]): void {
  const causes = attempts.map(({ cause }) => cause);
  assert.deepEqual(
    causes,
    ['memory', 'exit-code', 'disk', 'ok', 'ok', 'ok', 'ok'],
    JSON.stringify(attempts.map(({ reason }) => reason)),
  );
  assert.match(attempts[2]!.reason, /wrote [\d.]+ MiB.*more than the 19.1 MiB/);
  // They sleep for a second; the rest is what a slow machine may take, and no bad one's doing.
  for (const good of attempts.slice(4))
    assert.ok(good.usage.wallMs < 30_000, `${good.usage.wallMs}`);
}

test('a memory hog, a fork bomb, a disk filler and a thousand daemons leave the good ones alone', {
  skip: hasCgroups ? false : 'only root may make cgroups here',
}, async (t) => {
  const field = fieldOf(t, []);
  const attempts = await attemptsBeside(field, 'bare');
  judge(attempts);
  const [hog, bomb] = attempts;
  assert.match(hog!.reason, /more memory than its limit of 95.4 MiB; its peak was 95.4 MiB/);
  assert.match(bomb!.reason, /refused another process: its limit is 30/);
  assert.ok(bomb!.usage.tasksPeak === null || bomb!.usage.tasksPeak <= 30);
  assert.ok(existsSync(join(field.directory, 'out')));
});

test('so they do where all of them are an ordinary user’s, who has no cgroups: they are seen, not held', {
  skip: isReadable ? false : 'other users cannot read this checkout',
}, async (t) => {
  const attempts = await attemptsBeside(fieldOf(t, isRoot ? AS_USER : []), 'private');
  judge(attempts);
  const [hog, bomb] = attempts;
  assert.match(hog!.reason, /used [\d.]+ MiB of memory, more than the 95.4 MiB it asked for/);
  // Seen while it runs, or by what it left when it was refused more.
  assert.match(bomb!.reason, /(had|left) \d+ processes .*more than the 30 it asked for/);
});
