import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EndedAttempt, JobDescription } from '#wire';
import { type Field, openField, until } from '../testing/field.ts';
import { jobOf, rowsOf, textOf } from '../testing/field-server.ts';

/** Runs one row of a job and gives its end. */
async function run(
  field: Field,
  job: JobDescription,
  rows: readonly (readonly string[])[] = [['0']],
): Promise<EndedAttempt> {
  const before = field.server.ended.size;
  field.server.addTasks(job, rows);
  await field.server.until(() => field.server.ended.size === before + rows.length);
  return field.server.ends().at(-1)!;
}

async function runAlone(job: JobDescription, row: readonly string[] = ['0']) {
  await using field = await openField();
  field.start();
  return await run(field, job, [row]);
}

function file(name: string, path: string, required = true) {
  return { name, from: { kind: 'file', path }, required } as const;
}

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
    ['true', 'missing-result', /no file out\.dat/, { results: [file('field', 'out.dat')] }],
    [': > out.dat', 'missing-result', /empty/, { results: [file('field', 'out.dat')] }],
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
    [[make('text', 'just words', 0o755)], /neither a program for this machine nor a script/],
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

test('in a submit directory the command runs there, with a scratch directory beside it', async () => {
  await using field = await openField();
  const hostEnvironment = { PATH: process.env.PATH, WINDROW_SECRET: 'no', OWN: 'shell' };
  field.start({ hostEnvironment });
  const path = join(field.dir, 'here');
  mkdirSync(path);
  const job = jobOf(
    'pwd; test -d "$$WINDROW_SCRATCH" && echo "scratch $${WINDROW_SECRET-hidden} $$OWN"; echo $x > made',
    {
      directory: { kind: 'submit', path },
      results: [{ name: 'out', from: { kind: 'stdout' }, required: true }, file('made', 'made')],
    },
  );
  const end = await run(field, job, [['7']]);
  assert.equal(textOf(end, 'out'), `${path}\nscratch hidden shell\n`);
  assert.equal(textOf(end, 'made'), '7\n');
  assert.equal(readFileSync(join(path, 'made'), 'utf8'), '7\n');
});

test('the environment is the documented one and nothing else', async () => {
  const job = jobOf(['/usr/bin/env', '-0'], {
    id: 5,
    columns: ['beta-1', 'x'],
    environment: { MODEL: 'b=$x', PLAIN: 'as is' },
  });
  const end = await runAlone(job, ['0.5', 'sp ace\nline']);
  const lines = textOf(end, 'out')!.split('\0').filter(Boolean);
  const found = Object.fromEntries(
    lines.map((line) => [line.split('=')[0]!, line.slice(line.indexOf('=') + 1)]),
  );
  assert.equal(found.WINDROW_JOB, '5');
  assert.equal(found.WINDROW_TASK, '0');
  assert.equal(found.WINDROW_TICKET, '1');
  assert.equal(found.WINDROW_ATTEMPT, '1');
  assert.equal(found.WINDROW_PARAM_BETA_1, '0.5');
  assert.equal(found.WINDROW_PARAM_X, 'sp ace\nline');
  assert.equal(found.MODEL, 'b=sp ace\nline');
  assert.equal(found.PLAIN, 'as is');
  assert.equal(found.TMPDIR, found.WINDROW_SCRATCH);
  assert.equal(found.HOME, '/root');
  assert.equal(found.WINDROW_SECRET, undefined);
});

test('a cell too large for an environment is left out of it and the task still runs', async () => {
  const end = await runAlone(
    jobOf(['/bin/sh', '-c', 'echo "[$$WINDROW_PARAM_X]" "$$WINDROW_TASK"']),
    ['z'.repeat(110 * 1024)],
  );
  assert.equal(end.cause, 'ok', end.reason);
  assert.equal(textOf(end, 'out'), '[] 0\n');
});

test('programs, templates, files, parameters and stdin are made before the program starts', async () => {
  await using field = await openField();
  const { server } = field;
  const program = server.addBlob('#!/bin/sh\ncat model.ini deep/er/table.bin lattice.dat -\n');
  const template = server.addBlob('beta = $x\n');
  const table = server.addBlob('table\n');
  const md5 = '0'.repeat(32);
  const job = jobOf(['./ising'], {
    programName: 'ising',
    programs: [{ platform: 'any', md5, ...program }],
    inputs: [
      {
        name: 'model.ini',
        from: { kind: 'template', blob: template.sha256, bytes: template.bytes },
      },
      { name: 'deep/er/table.bin', from: { kind: 'file', blob: table.sha256, bytes: table.bytes } },
      { name: 'lattice.dat', from: { kind: 'parameter', column: 'x' } },
      { name: 'stdin', from: { kind: 'parameter', column: 'x' } },
    ],
  });
  field.start();
  await run(field, job, rowsOf(20));
  const texts = server.ends().map((end) => textOf(end, 'out'));
  assert.deepEqual(
    new Set(texts),
    new Set(rowsOf(20).map(([x]) => `beta = ${x}\ntable\n${x}${x}`)),
  );
  assert.equal(server.blobRequests, 3, 'each blob is fetched once');
});

test('a program that damages its inputs or itself harms no later attempt', async () => {
  await using field = await openField();
  const { server } = field;
  const program = server.addBlob(
    '#!/bin/sh\ncat in.txt\nchmod +w in.txt prog 2>/dev/null; echo spoilt > in.txt; echo "exit 9" > prog\n',
  );
  const input = server.addBlob('good\n');
  const job = jobOf(['./prog'], {
    programName: 'prog',
    programs: [{ platform: 'any', md5: '0'.repeat(32), ...program }],
    inputs: [{ name: 'in.txt', from: { kind: 'file', blob: input.sha256, bytes: input.bytes } }],
  });
  field.start({ slots: 1 });
  await run(field, job, rowsOf(5));
  assert.deepEqual(
    server.ends().map((end) => [end.cause, textOf(end, 'out')]),
    Array.from({ length: 5 }, () => ['ok', 'good\n']),
  );
  assert.equal(server.blobRequests, 6, 'the program each time, the input once');
});

test('a blob that the server does not have is a stage-in failure, not a hang', async () => {
  await using field = await openField();
  const blob = createHash('sha256').update('lost').digest('hex');
  field.start();
  const end = await run(
    field,
    jobOf('cat a', { inputs: [{ name: 'a', from: { kind: 'file', blob, bytes: 4 } }] }),
  );
  assert.equal(end.cause, 'stage-in');
  assert.match(end.reason, /^a could not be fetched/);
});

test('a machine without a build of the program says which there are', async () => {
  const sha256 = '0'.repeat(64);
  const program = { platform: 'plan9-mips', sha256, md5: '0'.repeat(32), bytes: 1 };
  const end = await runAlone(jobOf(['./a'], { programName: 'a', programs: [program] }));
  assert.equal(end.cause, 'launch');
  assert.match(end.reason, /no build of a for .*only for plan9-mips/);
});

test('results come from files and globs, in order, whatever bytes and names they have', async () => {
  const job = jobOf(
    "printf '\\377\\000' > raw; mkdir -p out; echo 1 > out/b.txt; echo 2 > 'out/a b.txt'; echo log >&2",
    {
      results: [
        file('raw', 'raw'),
        { name: 'texts', from: { kind: 'glob', pattern: 'out/*.txt' }, required: true },
      ],
    },
  );
  const end = await runAlone(job);
  assert.equal(end.cause, 'ok', end.reason);
  assert.deepEqual(
    end.parts.map((part) => [part.name, part.kind, part.file, 'text' in part ? part.text : part]),
    [
      ['raw', 'result', 'raw', { ...end.parts[0], base64: '/wA=' }],
      ['texts', 'result', 'out/a b.txt', '2\n'],
      ['texts', 'result', 'out/b.txt', '1\n'],
      ['stderr', 'log', 'stderr', 'log\n'],
    ],
  );
  assert.equal(end.lastErrorLine, 'log');
});

test('a result that is a link out of the scratch directory is refused', async () => {
  const end = await runAlone(
    jobOf('ln -s /etc/passwd out.dat', { results: [file('out', 'out.dat')] }),
  );
  assert.equal(end.cause, 'missing-result');
  assert.match(end.reason, /leads out/);
});

test('large results are uploaded byte for byte before their end is told', async () => {
  await using field = await openField();
  const { server } = field;
  field.start();
  const job = jobOf('head -c 3000000 /dev/urandom | tee big; echo small >&2', {
    results: [
      { name: 'out', from: { kind: 'stdout' }, required: true },
      file('big', 'big'),
      { name: 'err', from: { kind: 'stderr' }, required: true },
    ],
  });
  const end = await run(field, job);
  const [out, big, err] = end.parts;
  assert.ok(out && 'uploaded' in out && big && 'uploaded' in big && err && 'text' in err);
  const bytes = server.parts.get(`/parts/${end.ticket}/${out.uploaded}`)!;
  assert.equal(bytes.length, 3_000_000);
  assert.equal(createHash('sha256').update(bytes).digest('hex'), out.sha256);
  assert.deepEqual(server.parts.get(`/parts/${end.ticket}/${big.uploaded}`), bytes);
  await until(() => field.leftovers().every((name) => name.startsWith('spare-')));
});

test('a long log keeps head and tail and says how much it lacks', async () => {
  await using field = await openField();
  const { server } = field;
  field.start();
  const end = await run(field, jobOf('seq 1 200000; exit 1', { logBytes: 100_000, results: [] }));
  const [part] = end.parts;
  assert.ok(part && 'uploaded' in part);
  const log = server.parts.get(`/parts/${end.ticket}/${part.uploaded}`)!.toString();
  assert.equal(log.length, 100_000);
  assert.ok(log.startsWith('1\n2\n') && log.endsWith('\n200000\n'));
  assert.ok(part.cutBytes > 1_000_000);
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
  server.partStatus = () => 507;
  server.addTasks(jobOf('head -c 200000 /dev/zero'), rowsOf(50));
  field.start({ slots: 1 });
  await server.until(() => server.syncs.some(({ holding }) => holding.length >= 3));
  await server.until(() => server.syncs.at(-1)?.freeSlots === 0);
  assert.ok(server.granted < 50);
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
    const hungry = `a=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 1000`;
    const request = { cpus: 1, memoryBytes: 30 << 20, diskBytes: 0 };
    const end = await run(field, jobOf(hungry, { id: 1, request, killGraceMs: 100 }));
    assert.equal(end.cause, 'memory', end.reason);
    assert.match(end.reason, /more than the 30 MiB/);
    assert.ok(end.usage.memoryPeakBytes! > 30 << 20);
  });
  await t.test('disk', async () => {
    const request = { cpus: 1, memoryBytes: 0, diskBytes: 1 << 20 };
    const job = jobOf('head -c 3000000 /dev/zero > f; sleep 1000', {
      id: 2,
      request,
      killGraceMs: 100,
    });
    const end = await run(field, job);
    assert.equal(end.cause, 'disk', end.reason);
    assert.match(end.reason, /more than the 1 MiB/);
    assert.ok(end.usage.diskBytes! >= 3_000_000);
  });
});

test('hostile names, depths and modes in the scratch directory leave nothing behind', async () => {
  await using field = await openField();
  const { server } = field;
  const { agent, ended } = field.start();
  const hostile = `
    const fs = require('node:fs');
    fs.mkdirSync('a/b', { recursive: true });
    fs.writeFileSync('a/b/f', '');
    fs.chmodSync('a/b', 0o500);
    fs.chmodSync('a', 0);
    for (const name of ['-rf', 'new\\nline', ' ', '*']) fs.mkdirSync(name);
    fs.writeFileSync(Buffer.from([0xff, 0xfe]), '');
    fs.mkdirSync(Buffer.from([0xfe]));
    fs.writeFileSync(Buffer.from([0xfe, 0x2f, 0xff]), '');
    fs.symlinkSync('/', 'root');
    fs.symlinkSync('.', 'self');
    for (let depth = 0; depth < 60; depth++) {
      fs.mkdirSync('d'.repeat(200));
      process.chdir('d'.repeat(200));
    }
    fs.writeFileSync('bottom', '');
  `;
  const end = await run(field, jobOf([process.execPath, '-e', hostile], { results: [] }));
  assert.equal(end.cause, 'ok', `${end.reason} ${end.lastErrorLine}`);
  agent.drain();
  await ended;
  assert.deepEqual(field.leftovers(), []);
  assert.ok(existsSync('/etc/passwd'));
  assert.equal(server.ended.size, 1);
});

test('the next attempt never sees what the one before left in its directory', async () => {
  await using field = await openField();
  field.start({ slots: 1 });
  const job = jobOf('ls -la | wc -l; stat -c %a .; : > left; chmod 777 .');
  await run(field, job, rowsOf(6));
  for (const end of field.server.ends()) assert.equal(textOf(end, 'out'), '3\n700\n');
});

test('programs of a job with DeleteWorker are removed at the end, others are kept', async () => {
  await using field = await openField();
  const { server } = field;
  const passing = server.addBlob('#!/bin/sh\necho passing\n');
  const staying = server.addBlob('#!/bin/sh\necho staying\n');
  const of = (id: number, blob: typeof passing, deleteWorker: boolean) =>
    jobOf(['./p'], {
      id,
      deleteWorker,
      programName: 'p',
      programs: [{ platform: 'any', md5: '0'.repeat(32), ...blob }],
    });
  const { agent, ended } = field.start();
  await run(field, of(1, passing, true));
  await run(field, of(2, staying, false));
  const pathOf = ({ sha256 }: typeof passing) => join(field.dir, 'blobs', sha256);
  assert.equal(statSync(pathOf(passing)).mode & 0o777, 0o555);
  agent.drain();
  await ended;
  assert.equal(existsSync(pathOf(passing)), false);
  assert.equal(existsSync(pathOf(staying)), true);
});

test('as an ordinary user a read-only subtree is removed too', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('already an ordinary user: the other test shows it');
  await using field = await openField();
  const tree = join(field.dir, 'tree');
  execFileSync('sh', [
    '-c',
    `mkdir -p ${tree}/a/b && : > ${tree}/a/b/f && chmod 500 ${tree}/a/b ${tree}/a && chown -R 65534 ${tree} && chmod 755 ${field.dir}`,
  ]);
  const remove = `
    import { removeTree } from ${JSON.stringify(import.meta.resolve('../remove-tree.ts'))};
    process.setuid(65534);
    await removeTree(${JSON.stringify(`${tree}/a`)});
  `;
  execFileSync(process.execPath, ['--input-type=module', '-e', remove]);
  assert.equal(existsSync(join(tree, 'a')), false);
});
