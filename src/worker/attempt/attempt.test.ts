import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileResult, openField, run, runAlone, storeOf, until } from '../testing/field.ts';
import { jobOf, rowsOf, textOf } from '../testing/field-server.ts';

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
      results: [
        { name: 'out', from: { kind: 'stdout' }, required: true },
        fileResult('made', 'made'),
      ],
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
      {
        name: 'deep/er/table.bin',
        from: {
          kind: 'file',
          blob: table.sha256,
          bytes: table.bytes,
          writable: false,
          executable: false,
        },
      },
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

test('an input that may be executed can be, copied or shared, and one that may not cannot', async () => {
  await using field = await openField();
  const { server } = field;
  const small = server.addBlob('#!/bin/sh\necho small\n');
  const large = server.addBlob(`#!/bin/sh\necho large\n${'#'.repeat(100_000)}\n`);
  const named = (name: string, { sha256, bytes }: typeof small, executable: boolean) =>
    ({ name, from: { kind: 'file', blob: sha256, bytes, writable: false, executable } }) as const;
  const inputs = (executable: boolean) => [
    named('small', small, executable),
    named('bin/large', large, executable),
  ];
  field.start({ slots: 1 });
  const ends = [];
  // The one that only reads is first: what it is given lies there when the others come.
  for (const executable of [false, true]) {
    const job = jobOf('./small; ./bin/large; true', {
      id: executable ? 2 : 1,
      inputs: inputs(executable),
    });
    ends.push(await run(field, job));
  }
  assert.deepEqual(
    ends.map((end) => textOf(end, 'out')),
    ['', 'small\nlarge\n'],
  );
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
    inputs: [
      {
        name: 'in.txt',
        from: {
          kind: 'file',
          blob: input.sha256,
          bytes: input.bytes,
          writable: false,
          executable: false,
        },
      },
    ],
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
    jobOf('cat a', {
      inputs: [
        { name: 'a', from: { kind: 'file', blob, bytes: 4, writable: false, executable: false } },
      ],
    }),
  );
  assert.equal(end.cause, 'stage-in');
  assert.match(end.reason, /^a could not be fetched/);
});

test('results come from files and globs, in order, whatever bytes and names they have', async () => {
  const job = jobOf(
    "printf '\\377\\000' > raw; mkdir -p out; echo 1 > out/b.txt; echo 2 > 'out/a b.txt'; echo log >&2",
    {
      results: [
        fileResult('raw', 'raw'),
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
    jobOf('ln -s /etc/passwd out.dat', { results: [fileResult('out', 'out.dat')] }),
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
      fileResult('big', 'big'),
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
  agent.drain();
  await ended;
  const store = storeOf(field.dir, server);
  const held = async ({ sha256 }: typeof passing) => store.hold(`windrow:${sha256}`);
  assert.equal(await held(passing), null);
  const stayed = await held(staying);
  assert.equal(statSync(stayed!.path).mode & 0o777, 0o555);
  await stayed!.release();
  await store.close();
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
    import { removeTree } from ${JSON.stringify(import.meta.resolve('#base'))};
    process.setuid(65534);
    await removeTree(${JSON.stringify(`${tree}/a`)});
  `;
  execFileSync(process.execPath, ['--input-type=module', '-e', remove]);
  assert.equal(existsSync(join(tree, 'a')), false);
});
