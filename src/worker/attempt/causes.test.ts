import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JobDescription } from '#wire';
import { fileResult, openField, run, runAlone } from '../testing/field.ts';
import { jobOf, rowsOf, textOf } from '../testing/field-server.ts';

test('each way to end has its cause and a sentence', async (t) => {
  await using field = await openField();
  field.start();
  let id = 0;
  const cases: [string, string, RegExp, Partial<JobDescription>?][] = [
    ['true', 'ok', /^$/],
    ['exit 3', 'exit-code', /exit code 3\./],
    ['no-such-command-at-all', 'exit-code', /did not find a command/],
    ['kill -SEGV $$$$', 'signal', /SIGSEGV/],
    ['sleep 1000', 'timeout', /limit of 200 ms/, { timeoutMs: 200, killGraceMs: 100 }],
    ['true', 'missing-result', /no file out\.dat/, { results: [fileResult('field', 'out.dat')] }],
    [': > out.dat', 'missing-result', /empty/, { results: [fileResult('field', 'out.dat')] }],
    [
      'true',
      'missing-result',
      /wrote nothing to stdout/,
      { results: [{ name: 'e', from: { kind: 'stdout' }, required: true }] },
    ],
    ['yes', 'disk', /more than 64 KiB of results to stdout/, { resultBytes: 65536 }],
  ];
  for (const [command, cause, reason, changes] of cases) {
    await t.test(`${command} is ${cause}`, async () => {
      const end = await run(field, jobOf(command, { id: ++id, ...changes }));
      assert.equal(end.cause, cause, end.reason);
      assert.match(end.reason, reason);
    });
  }
});

test('a program that cannot be started is explained by looking at its file', async (t) => {
  await using field = await openField();
  field.start();
  const dir = join(field.dir, 'programs');
  mkdirSync(dir);
  const make = (name: string, content: string | Buffer, mode: number) => {
    writeFileSync(join(dir, name), content, { mode });
    return join(dir, name);
  };
  const elf = Buffer.alloc(64);
  elf.write('\x7fELF\x02\x01\x01', 'latin1');
  elf.writeUInt16LE(2, 16);
  elf.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18);
  const cases: [string[], RegExp][] = [
    [[make('plain', '#!/bin/sh\n', 0o644)], /not marked as executable/],
    [[make('orphan', '#!/no/such/shell\n', 0o755)], /interpreter \/no\/such\/shell/],
    [[make('alien', elf, 0o755)], /built for (arm64|x64), and this machine is/],
    [[make('text', 'just words', 0o755)], /neither a program nor a script/],
    [[make('nothing', '', 0o755)], /is empty/],
    [[join(dir, 'absent')], /does not exist on this machine/],
    [[dir], /is a directory, not a program/],
    [['no-such-name-anywhere'], /was not found in PATH/],
    [['/bin/true', '$x'], /too large for the system \(\d+.* KiB\)/],
  ];
  let id = 0;
  for (const [argv, reason] of cases) {
    await t.test(`${argv[0]?.split('/').at(-1)}: ${reason.source}`, async () => {
      const end = await run(field, jobOf(argv, { id: ++id }), [['y'.repeat(200_000)]]);
      assert.equal(end.cause, 'launch', end.reason);
      assert.match(end.reason, reason);
    });
  }
});

test('a submit directory that this machine lacks is said plainly', async () => {
  const end = await runAlone(
    jobOf(['/bin/true'], { directory: { kind: 'submit', path: '/no/such/place' } }),
  );
  assert.equal(end.cause, 'launch');
  assert.match(end.reason, /directory \/no\/such\/place does not exist/);
});

test('a machine without a build of the program says which there are', async () => {
  const sha256 = '0'.repeat(64);
  const program = { platform: 'plan9-mips', sha256, md5: '0'.repeat(32), bytes: 1 };
  const end = await runAlone(jobOf(['./a'], { programName: 'a', programs: [program] }));
  assert.equal(end.cause, 'launch');
  assert.match(end.reason, /no build of a for .*only for plan9-mips/);
});

test('an upload is repeated while the server’s disk is full, and other attempts go on', async () => {
  await using field = await openField();
  const { server } = field;
  let full = true;
  let refused = 0;
  server.partStatus = () => {
    if (full) refused++;
    return full ? 507 : 0;
  };
  field.start({ slots: 1 });
  server.addTasks(jobOf('head -c 200000 /dev/zero'), rowsOf(1));
  await server.until(() => refused > 0);
  const other = await run(field, jobOf('echo meanwhile', { id: 2 }));
  assert.equal(textOf(other, 'out'), 'meanwhile\n');
  assert.equal(server.ended.size, 1);
  await server.until(() => refused > 1);
  full = false;
  await server.until(() => server.ended.size === 2);
  assert.equal(server.ends().at(-1)?.cause, 'ok');
});

test('while too many results wait for a full server, slots take no new work', async () => {
  await using field = await openField();
  const { server } = field;
  let full = true;
  const refused: string[] = [];
  server.partStatus = (path) => {
    if (full) refused.push(path);
    return full ? 507 : 0;
  };
  const starts = join(field.dir, 'starts');
  // Long enough that none is handed to the starter ahead, where it would wait for nobody.
  const command = `echo $x >> ${starts}; sleep 0.3; head -c 200000 /dev/zero`;
  server.addTasks(jobOf(command), rowsOf(40));
  field.start({ slots: 1 });
  await server.until(() => new Set(refused).size === 3);
  await server.until(() => server.syncs.at(-1)?.freeSlots === 0);
  // All of them try again, and again: long enough for another one to start.
  const before = refused.length;
  await server.until(() => refused.length >= before + 6);
  const started = readFileSync(starts, 'utf8').trim().split('\n');
  assert.deepEqual(started, ['0', '1', '2'], 'two deliver, and one keeps the slot until it may');
  full = false;
  await server.until(() => server.ended.size > 3);
});

test('an upload of a ticket that is not current ends the attempt as superseded', async () => {
  await using field = await openField();
  field.server.partStatus = () => 410;
  field.start();
  const end = await run(field, jobOf('head -c 200000 /dev/zero'));
  assert.equal(end.cause, 'superseded');
  assert.deepEqual(end.parts, []);
});

test('an upload that the server refuses for good is a stage-out failure', async () => {
  await using field = await openField();
  field.server.partStatus = () => 413;
  field.start();
  const end = await run(field, jobOf('head -c 200000 /dev/zero; echo why >&2'));
  assert.equal(end.cause, 'stage-out');
});

test('memory and disk over what was asked for end the program', async (t) => {
  await using field = await openField();
  field.start();
  await t.test('memory', async () => {
    // In another session, with nothing in its environment that could tell whose it is.
    const hungry = `setsid env -i sh -c 'a=$(head -c 60000000 /dev/zero | tr "\\0" x); sleep 1000'`;
    const request = {
      cpus: 1,
      memoryBytes: 30 << 20,
      diskBytes: 0,
      processes: 0,
      gpus: 0,
      timeMs: 0,
    };
    const end = await run(field, jobOf(hungry, { id: 1, request, killGraceMs: 100 }));
    assert.equal(end.cause, 'memory', end.reason);
    assert.match(end.reason, /more than the 30 MiB/);
    assert.ok(end.usage.memoryPeakBytes! > 30 << 20);
  });
  await t.test('processes', async () => {
    const request = {
      cpus: 1,
      memoryBytes: 0,
      diskBytes: 0,
      processes: 5,
      gpus: 0,
      timeMs: 0,
    };
    const many = 'for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait';
    const end = await run(field, jobOf(many, { id: 3, request, killGraceMs: 100 }));
    assert.equal(end.cause, 'exit-code', end.reason);
    assert.match(end.reason, /^The program had 9 processes and threads, more than the 5/);
  });
  await t.test('disk', async () => {
    const request = {
      cpus: 1,
      memoryBytes: 0,
      diskBytes: 1 << 20,
      processes: 0,
      gpus: 0,
      timeMs: 0,
    };
    const job = jobOf('head -c 3000000 /dev/zero > f; sleep 1000', {
      id: 2,
      request,
      killGraceMs: 100,
    });
    const end = await run(field, job);
    assert.equal(end.cause, 'disk', end.reason);
    assert.match(end.reason, /more than the 1 MiB/);
    assert.ok(end.usage.diskBytes! > request.diskBytes);
  });
});

test('a script without #! runs under the shell, as a shell would run it', async () => {
  await using field = await openField();
  field.start();
  const path = join(field.dir, 'script');
  writeFileSync(path, 'echo "$1" and more\n', { mode: 0o755 });
  const end = await run(field, jobOf(`${path} $x`), [['a b']]);
  assert.equal(textOf(end, 'out'), 'a b and more\n');
});

test('the status 127 of a program is its own, and that of the shell the shell’s', async () => {
  await using field = await openField();
  field.start();
  const path = join(field.dir, 'program');
  writeFileSync(path, '#!/bin/sh\nexit 127\n', { mode: 0o755 });
  assert.match((await run(field, jobOf(path))).reason, /exit code 127\.$/);
  const other = await run(field, jobOf('no-such-command-at-all $x', { id: 2 }));
  assert.match(other.reason, /did not find a command/);
});
