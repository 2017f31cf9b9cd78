/** One suite for every way of starting programs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { COOKIE_VARIABLE } from './cookie.ts';
import { findLauncher, openStarter } from './open-starter.ts';
import type { ProgramEnd, Starter, StartFailure } from './port.ts';
import {
  inheritedDescriptors,
  isAlive,
  PATH,
  sh,
  start,
  temporaryFolder,
  until,
  writeScript,
} from './starter-world.ts';

const launcherPath = findLauncher();
const noLauncher = launcherPath === null ? 'the launcher is not built (no C compiler?)' : false;

suite('programs started by the launcher', { skip: noLauncher }, () => describeStarter('launcher'));
suite('programs started by spawn', () => describeStarter('spawn'));

function describeStarter(kind: Starter['kind']): void {
  const open = () => openStarter({ launcherPath: kind === 'launcher' ? launcherPath : null });
  const exact = kind === 'launcher';
  let starter: Starter;
  before(() => {
    starter = open();
  });
  after(() => starter.close());

  test('every exit code arrives as it is', async () => {
    for (let code = 0; code < 256; code++) {
      const { end } = await sh(starter, `exit ${code}`);
      assert.equal(end.exitCode, code);
      assert.equal(end.signal, null);
    }
  });

  test('every signal that ends a program is named', async () => {
    const harmless = /^SIG(CHLD|CONT|STOP|TSTP|TTIN|TTOU|URG|WINCH)$|^SIG(IOT|POLL|CLD|UNUSED)$/;
    for (const [name, number] of Object.entries(constants.signals)) {
      if (harmless.test(name)) continue;
      const { end } = await sh(starter, `kill -${number} $$; sleep 10`);
      assert.deepEqual([end.signal, end.exitCode], [name, null]);
    }
  });

  test('a real-time signal is named', { skip: !exact && 'Node.js does not tell' }, async () => {
    assert.equal((await sh(starter, 'kill -34 $$')).end.signal, 'SIGRTMIN');
    assert.equal((await sh(starter, 'kill -50 $$')).end.signal, 'SIGRTMIN+16');
  });

  test('10 MB of binary output arrive exactly, on both streams at once', async (t) => {
    const file = join(temporaryFolder(t), 'noise');
    writeFileSync(file, randomBytes(10_000_000));
    const expected = createHash('sha256').update(readFileSync(file)).digest('hex');
    const started = start(starter, 'sh', ['-c', `cat ${file} & cat ${file} >&2; wait`]);
    const end = (await started.ended) as ProgramEnd;
    assert.equal(end.exitCode, 0);
    for (const bytes of [started.stdout(), started.stderr()]) {
      assert.equal(createHash('sha256').update(bytes).digest('hex'), expected);
    }
  });

  test('small pieces of output stay in order', async () => {
    const { stdout } = await sh(
      starter,
      'i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done',
    );
    assert.equal(stdout, `${Array.from({ length: 3000 }, (_, i) => i).join('\n')}\n`);
  });

  test('no descriptor of ours reaches the program', async (t) => {
    const open = openSync(writeScript(temporaryFolder(t), 'ours', ''), 'r');
    t.after(() => closeSync(open));
    const { stdout } = await sh(starter, 'ls -l /proc/$$/fd');
    assert.doesNotMatch(stdout, /ours/);
    const numbers = [...stdout.matchAll(/ (\d+) -> /g)].map((match) => Number(match[1]));
    // Node.js passes on what it inherited itself without close-on-exec; the launcher passes nothing.
    const passedOn = exact ? [] : inheritedDescriptors();
    assert.deepEqual(
      numbers.filter((number) => !passedOn.includes(number)),
      [0, 1, 2],
    );
  });

  test('stdin is the file, or nothing', async (t) => {
    const file = writeScript(temporaryFolder(t), 'deck', 'first\nlast');
    assert.equal((await sh(starter, 'cat', { stdin: file })).stdout, 'first\nlast');
    assert.equal((await sh(starter, 'cat')).stdout, '');
  });

  test('a FIFO without a writer as stdin does not block the slot', async (t) => {
    const fifo = join(temporaryFolder(t), 'fifo');
    execFileSync('mkfifo', [fifo]);
    assert.equal((await sh(starter, 'cat; echo done', { stdin: fifo })).stdout, 'done\n');
  });

  test('the environment is exactly the given one and the mark of the start', async () => {
    const environment = { PATH, EMPTY: '', ODD: "a=b'\n\t \u00fc\u{1f33e}" };
    const started = start(starter, 'env', ['-0'], { environment });
    await started.ended;
    const entries = started.stdout().toString().split('\0').slice(0, -1);
    const marks = entries.filter((entry) => entry.startsWith(`${COOKIE_VARIABLE}=`));
    assert.equal(marks.length, 1);
    assert.deepEqual(
      entries.filter((entry) => !marks.includes(entry)).sort(),
      Object.entries(environment)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
  });

  test('the argument vector arrives as it is, the name of the program included', async () => {
    const argv = ['another name', '', '-n', 'a b', "'$(exit 1)'\n", '\u00fc'];
    const started = start(starter, '/bin/sh', [], {
      argv: [argv[0]!, '-c', 'cat /proc/$$/cmdline', ...argv],
    });
    await started.ended;
    assert.deepEqual(started.stdout().toString().split('\0').slice(0, -1), [
      argv[0],
      '-c',
      'cat /proc/$$/cmdline',
      ...argv,
    ]);
  });

  test('the program begins in its directory, a session of its own, with default signals', async (t) => {
    const directory = temporaryFolder(t);
    const command =
      'pwd; cut -d" " -f5,6 /proc/$$/stat; echo $$; exec grep -E "^Sig(Blk|Ign)" /proc/self/status';
    const [where, session, pid, ...masks] = (
      await sh(starter, command, { directory })
    ).stdout.split('\n');
    assert.equal(where, directory);
    assert.equal(session, `${pid} ${pid}`);
    for (const mask of masks.filter(Boolean)) assert.match(mask, /\t0+$/);
  });

  test('the program is looked up on its own PATH', async (t) => {
    const folder = temporaryFolder(t);
    writeScript(folder, 'tool', '#!/bin/sh\necho found');
    const started = start(starter, 'tool', [], { environment: { PATH: `/nowhere:${folder}` } });
    assert.equal(((await started.ended) as ProgramEnd).exitCode, 0);
    assert.equal(started.stdout().toString(), 'found\n');
    assert.equal(
      await failure(start(starter, 'tool', [], { environment: { PATH: '/bin' } })),
      'ENOENT',
    );
  });

  test('a start that fails says which way and why', async (t) => {
    const folder = temporaryFolder(t);
    const plain = writeScript(folder, 'plain', 'text', 0o644);
    const text = writeScript(folder, 'text', 'echo no interpreter named\n');
    const long = 'x'.repeat(200_000);
    const cases: [string, string, Parameters<typeof start>[3]?][] = [
      ['ENOENT', './nothing-here'],
      ['ENOENT', 'nothing-of-that-name'],
      ['EACCES', plain],
      ['EACCES', folder],
      ['ENOEXEC', text],
      ['ENOTDIR', `${plain}/below`],
      ['E2BIG', '/bin/true', { argv: ['true', long] }],
      ['E2BIG', '/bin/true', { argv: ['true', ...Array<string>(60).fill(long)] }],
      ['ENOENT', '/bin/true', { directory: '/nothing/here' }],
      ['ENOTDIR', '/bin/true', { directory: plain }],
      ['ENOENT', '/bin/true', { stdin: '/nothing/here' }],
      ['EINVAL', '/bin/true', { argv: ['true', 'a\0b'] }],
      ['EINVAL', '/bin/true', { environment: { 'a=b': '' } }],
      ['EINVAL', '/bin/true', { argv: [] }],
      ['EINVAL', '/bin/true', { directory: 'relative' }],
    ];
    for (const [code, file, more] of cases) {
      assert.equal(
        await failure(start(starter, file, [], more)),
        code,
        `${file} ${Object.keys(more ?? {})}`,
      );
    }
    assert.equal((await sh(starter, 'exit 3')).end.exitCode, 3, 'the slot works on');
  });

  test('a script whose interpreter is missing names the interpreter', async (t) => {
    const script = writeScript(temporaryFolder(t), 'script', '#!/opt/nowhere/python -u\n');
    const end = (await start(starter, script, []).ended) as StartFailure;
    assert.equal(end.code, 'ENOENT');
    assert.match(end.message, /interpreter \/opt\/nowhere\/python is not there/);
  });

  test('a timeout ends a whole tree that ignores SIGTERM', async () => {
    const command = 'trap "" TERM; (sh -c "echo pid=\\$\\$; sleep 100; :" & wait); :';
    const started = start(starter, 'sh', ['-c', command], { timeoutMs: 1500, killGraceMs: 100 });
    const end = (await started.ended) as ProgramEnd;
    assert.deepEqual([end.signal, end.timedOut, end.killed], ['SIGKILL', true, false]);
    assert.ok(end.wallMs >= 1590 && end.wallMs < 60_000, `${end.wallMs} ms`);
    assert.equal(
      isAlive(
        Number(
          started
            .stdout()
            .toString()
            .match(/pid=(\d+)/)![1],
        ),
      ),
      false,
    );
  });

  test('a program that answers SIGTERM within the grace keeps its exit code', async () => {
    const command = 'trap "echo tidy; exit 7" TERM; while :; do sleep 0.01; done';
    const { end, stdout } = await sh(starter, command, { timeoutMs: 1500, killGraceMs: 60_000 });
    assert.deepEqual([end.exitCode, end.timedOut, stdout], [7, true, 'tidy\n']);
  });

  test('children of a program that died of SIGTERM have the rest of the grace', async () => {
    const child =
      'trap "sleep 0.1; echo saved; exit" TERM; echo ready; while :; do sleep 0.01; done';
    const started = start(starter, 'sh', ['-c', `setsid sh -c '${child}' & wait`]);
    await started.seen(/ready/);
    started.program.kill(9000);
    const end = (await started.ended) as ProgramEnd;
    assert.deepEqual([end.signal, end.killed, end.strays], ['SIGTERM', true, 0]);
    assert.match(started.stdout().toString(), /saved/);
  });

  test('a stopped program can be killed politely', async () => {
    const started = start(starter, 'sh', ['-c', 'echo ready; kill -STOP $$; sleep 100']);
    await started.seen(/ready/);
    started.program.kill(9000);
    assert.equal(((await started.ended) as ProgramEnd).signal, 'SIGTERM');
  });

  test('a second kill shortens the grace; a kill after the end changes nothing', async () => {
    const started = start(starter, 'sh', [
      '-c',
      'trap "" TERM; echo ready; while :; do sleep 1; done',
    ]);
    await started.seen(/ready/);
    started.program.kill(600_000);
    started.program.kill(0);
    const end = (await started.ended) as ProgramEnd;
    assert.deepEqual([end.signal, end.killed, end.timedOut], ['SIGKILL', true, false]);
    started.program.kill(0);
    const next = await sh(starter, 'sleep 0.05; exit 4');
    assert.deepEqual([next.end.exitCode, next.end.killed], [4, false]);
  });

  test('a kill in the moment of the start ends the program', async () => {
    for (let i = 0; i < 20; i++) {
      const started = start(starter, 'sleep', ['100']);
      started.program.kill(i % 2 === 0 ? 0 : 500);
      assert.equal(((await started.ended) as ProgramEnd).killed, true);
    }
  });

  test('a kill works while output pours', async () => {
    const started = start(starter, 'yes', []);
    await until(() => started.stdout().length > 1_000_000);
    started.program.kill(1000);
    assert.deepEqual(((await started.ended) as ProgramEnd).signal, 'SIGTERM');
  });

  test('usage is plausible, and its source is named', async () => {
    const burn =
      'const end = process.cpuUsage().user + 4e5; while (process.cpuUsage().user < end);';
    const hold = 'const held = Buffer.alloc(80_000_000, 1);';
    const started = start(starter, process.execPath, ['-e', `${hold} ${burn}; held.fill(2)`]);
    const end = (await started.ended) as ProgramEnd;
    const { source, figures } = end.measured;
    const { cpuUserMs, cpuSystemMs, memoryPeakBytes } = figures;
    assert.equal(source, exact ? 'rusage' : 'sampled');
    assert.ok(cpuUserMs! > (exact ? 400 : 100) && cpuUserMs! < 5000, `${cpuUserMs} ms`);
    assert.ok(cpuSystemMs! >= 0 && cpuSystemMs! < 5000);
    assert.ok(memoryPeakBytes! > 80e6 && memoryPeakBytes! < 1e9, `${memoryPeakBytes} B`);
    if (exact) assert.ok(figures.contextSwitches! > 0);
    else assert.ok(figures.tasksPeak! > 1, 'Node.js has threads');
    const short = (await sh(starter, ':')).end.measured;
    // Where it was slow it was looked at after all.
    if (exact) assert.equal(short.source, 'rusage');
    if (exact)
      assert.ok(short.figures.memoryPeakBytes! < 16e6, 'that of the parent does not count');
    else assert.equal(short.figures.memoryPeakBytes === null, short.source === 'none');
  });

  test('bytes sent to disk are counted, those of pipes and the page cache are not', async (t) => {
    const file = join(temporaryFolder(t), 'out');
    const write = `dd if=/dev/zero of=${file} bs=1M count=8 conv=fsync 2>&1`;
    const { end } = await sh(starter, `${write}; cat ${file} | wc -c; sleep 0.3`);
    const { ioReadBytes, ioWriteBytes } = end.measured.figures;
    assert.ok(ioWriteBytes! <= 9 << 20, `${ioWriteBytes} written`);
    assert.ok(ioReadBytes! < 4 << 20, `${ioReadBytes} read`);
    // Between two looks dd may come and go.
    if (exact) assert.ok(ioWriteBytes! >= 8 << 20, `${ioWriteBytes} written`);
  });

  test('a slot runs one program at a time, and takes no more ahead than it says', async () => {
    const first = start(starter, 'sh', ['-c', 'echo on; exec sleep 100']);
    await first.seen(/on/);
    const waiting = Array.from({ length: starter.ahead }, () => start(starter, 'echo', ['ran']));
    assert.equal(await failure(start(starter, 'true', [])), 'STARTER_BUSY');
    for (const [i, { program }] of waiting.entries()) i % 2 ? program.withdraw() : program.kill(0);
    const codes = await Promise.all(waiting.map(failure));
    assert.deepEqual(codes, codes.fill('STARTER_WITHDRAWN'));
    first.program.withdraw();
    first.program.kill(0);
    assert.equal(((await first.ended) as ProgramEnd).signal, 'SIGKILL');
    assert.ok(waiting.every(({ stdout }) => stdout().length === 0));
  });

  test('close ends what runs and leaves nothing behind', async () => {
    const closing = open();
    const started = start(closing, 'sh', ['-c', '(setsid sleep 100 &); echo pid=$$; sleep 100']);
    const pid = Number((await started.seen(/pid=(\d+)/))[1]);
    await closing.close();
    assert.equal(((await started.ended) as ProgramEnd).killed, true);
    assert.equal(isAlive(pid), false);
    assert.equal(await failure(start(closing, 'true', [])), 'STARTER_CLOSED');
    await closing.close();
  });

  test('hundreds of starts leak no descriptor', async () => {
    const own = open();
    await sh(own, ':');
    const before = readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 200; i++) await sh(own, 'echo x');
    const after = readdirSync('/proc/self/fd').length;
    await own.close();
    assert.ok(after <= before, `${before} before, ${after} after`);
  });
}

async function failure(started: { ended: Promise<ProgramEnd | StartFailure> }): Promise<string> {
  const end = await started.ended;
  return 'failed' in end ? end.code : `exit ${end.exitCode ?? end.signal}`;
}
