/** What only the launcher promises, and its protocol under attack. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { buildLauncher } from './launcher-build.ts';
import { encodeKill, encodeWithdraw, ReportReader } from './launcher-frames.ts';
import {
  frameOf,
  large,
  launcherPath,
  openRaw,
  type Raw,
  readIfThere,
  skip,
} from './launcher-world.ts';
import { openStarter } from './open-starter.ts';
import type { ProgramEnd, StartFailure } from './port.ts';
import { readProcess, readProcessTable } from './process-table.ts';
import { isAlive, PATH, sh, start, temporaryFolder, until, writeScript } from './starter-world.ts';

const MOST_WAITING = 64;

const TREE = '(setsid sleep 100 &) ; trap "" TERM; sh -c "echo pid=\\$\\$; sleep 100; :"; :';

async function runningTree(raw: Raw): Promise<number[]> {
  raw.send(frameOf(TREE));
  await until(() => /pid=\d+/.test(raw.text));
  // Seen in one look: a process that changes its parent meanwhile may be seen below neither.
  return await until(() => {
    const tree = descendantsOf(raw.process.pid!);
    return tree.length < 3 ? null : tree;
  });
}

function descendantsOf(pid: number): number[] {
  const rows = readProcessTable();
  const children = (of: number): number[] =>
    rows.filter(({ parent }) => parent === of).flatMap((row) => [row.pid, ...children(row.pid)]);
  return children(pid);
}

suite('the launcher', { skip }, () => {
  test('compiles without a warning', (t) => {
    const target = join(temporaryFolder(t), 'launcher');
    assert.equal(buildLauncher(target, ['-O2', '-Wall', '-Wextra', '-Werror']), null);
  });

  for (const [how, act] of [
    ['the end of its input', (raw: Raw) => raw.process.stdin!.end()],
    ['SIGTERM', (raw: Raw) => raw.process.kill('SIGTERM')],
  ] as const) {
    test(`kills the tree and leaves on ${how}`, async (t) => {
      const raw = openRaw(t);
      const tree = await runningTree(raw);
      act(raw);
      assert.deepEqual(await raw.exited, [0, null]);
      assert.deepEqual(tree.filter(isAlive), []);
    });
  }

  test('kills the tree and leaves when nobody reads its reports', async (t) => {
    const raw = openRaw(t);
    raw.send(frameOf('echo pid=$$; while :; do echo more; sleep 0.01; done'));
    const pid = Number((await until(() => /pid=(\d+)/.exec(raw.text)))[1]);
    raw.process.stdout!.destroy();
    assert.deepEqual(await raw.exited, [0, null]);
    assert.equal(isAlive(pid), false);
  });

  test('more starts than may wait are refused by killing everything', async (t) => {
    const raw = openRaw(t);
    const tree = await runningTree(raw);
    for (let id = 1; id <= MOST_WAITING; id++) raw.send(frameOf('true', {}, id));
    raw.send(encodeWithdraw(0));
    raw.send(encodeKill(1, 0));
    await until(() => raw.answers.length === 1);
    assert.ok(tree.every(isAlive), 'as many as may wait do no harm');
    raw.send(Buffer.concat([frameOf('true', {}, 98), frameOf('true', {}, 99)]));
    assert.deepEqual(await raw.exited, [65, null]);
    assert.deepEqual(tree.filter(isAlive), []);
  });

  test('starts sent ahead run one after the other, in order, each with its own end', async (t) => {
    const raw = openRaw(t);
    const file = join(temporaryFolder(t), 'running');
    const alone = `[ -e ${file} ] && echo two at once; : > ${file}; sleep 0.002; rm ${file}`;
    const frames = Array.from({ length: 20 }, (_, id) =>
      frameOf(`${alone}; echo ${id}; exit ${id}`, {}, id),
    );
    raw.send(Buffer.concat(frames));
    await until(() => raw.ends.length === 20);
    const numbers = Array.from({ length: 20 }, (_, id) => id);
    assert.equal(raw.text, `${numbers.join('\n')}\n`);
    assert.deepEqual(raw.answers, numbers);
    assert.deepEqual(
      raw.ends.map(({ exitCode }) => exitCode),
      numbers,
    );
  });

  test('a start that waits can be taken back, and is answered while another runs', async (t) => {
    const raw = openRaw(t);
    const file = join(temporaryFolder(t), 'ran');
    const trace = (id: number) => frameOf(`echo ${id} >> ${file}`, {}, id);
    raw.send(Buffer.concat([frameOf('echo on; sleep 100', {}, 1), trace(2), trace(3), trace(4)]));
    await until(() => raw.text.includes('on'));
    raw.send(
      Buffer.concat([encodeWithdraw(3), encodeWithdraw(3), encodeWithdraw(1), encodeKill(2, 9)]),
    );
    await until(() => raw.answers.length === 2);
    assert.deepEqual(
      [raw.answers, raw.failures],
      [
        [2, 3],
        [125, 125],
      ],
    );
    raw.send(encodeKill(1, 0));
    await until(() => raw.answers.length === 4);
    assert.deepEqual(raw.answers, [2, 3, 1, 4]);
    assert.equal(readIfThere(file), '4\n');
  });

  test('ends are told although starts wait behind a long program', async (t) => {
    const raw = openRaw(t);
    raw.send(
      Buffer.concat([frameOf('exit 1'), frameOf('sleep 100', {}, 1), frameOf('true', {}, 2)]),
    );
    await until(() => raw.ends.length === 1);
  });

  test('starts that fail by the thousand are all answered, and kills between them are harmless', async (t) => {
    const raw = openRaw(t);
    const missing = frameOf('', { stdin: '/nothing/here' });
    for (let sent = 0; sent < 20_000; sent += 50) {
      raw.send(Buffer.concat([...Array<Buffer>(50).fill(missing), encodeKill(7, 0)]));
      await until(() => raw.failures.length === sent + 50);
    }
    raw.send(Buffer.concat([encodeKill(0, 5), frameOf('exit 9')]));
    await until(() => raw.ends.length === 1);
    assert.equal(raw.ends[0]!.exitCode, 9);
    assert.deepEqual(new Set(raw.failures), new Set([2]));
  });

  test('a length beyond the limit is refused before its bytes come', async (t) => {
    const raw = openRaw(t);
    raw.send(Buffer.from([1, 0, 0x80, 0, 1]));
    assert.deepEqual(await raw.exited, [65, null]);
  });

  test('frames cut into single bytes are understood', async (t) => {
    const raw = openRaw(t);
    for (const byte of frameOf('exit 11')) raw.send(Buffer.of(byte));
    await until(() => raw.ends.length === 1);
    assert.equal(raw.ends[0]!.exitCode, 11);
  });

  for (const [what, act] of [
    ['a kill', (raw: Raw) => raw.send(encodeKill(0, 0))],
    ['a timeout', () => {}],
  ] as const) {
    test(`${what} works while nobody reads the output, and all of it is delivered later`, async (t) => {
      const raw = openRaw(t, launcherPath!, false);
      const timeoutMs = what === 'a timeout' ? 2000 : 0;
      const file = join(temporaryFolder(t), 'pid');
      raw.send(frameOf(`echo $$ > ${file}; exec yes`, { timeoutMs }));
      const pid = await until(() => Number(readIfThere(file)));
      // `yes` sleeps only when its pipe is full, and the pipe stays full when nobody reads.
      let looks = 0;
      await until(() => {
        looks = readIfThere(`/proc/${pid}/stat`).includes('(yes) S') ? looks + 1 : 0;
        return looks > 5 || !isAlive(pid);
      });
      act(raw);
      await until(() => !isAlive(pid));
      let bytes = 0;
      const reader = new ReportReader({
        onHello: () => {},
        onOutput: (_, piece) => {
          assert.match(piece.toString(), /^(y?\n)?(y\n)*y?$/);
          bytes += piece.length;
        },
        onEnded: (_, end) => raw.ends.push(end),
        onFailed: () => assert.fail(),
        onMalformed: (reason) => assert.fail(reason),
      });
      raw.process.stdout!.on('data', (piece) => reader.push(piece));
      await until(() => raw.ends.length === 1);
      assert.equal(raw.ends[0]!.signal, 9);
      assert.ok(bytes >= 65_536, `${bytes} bytes`);
    });
  }

  test('output held open by a process outside the tree does not delay the end', async (t) => {
    const starter = openStarter({ launcherPath });
    t.after(() => starter.close());
    const go = join(temporaryFolder(t), 'go');
    const waits = `echo pid=$$; until [ -e ${go} ]; do sleep 0.02; done; echo last`;
    const started = start(starter, 'sh', ['-c', waits]);
    const pid = (await started.seen(/pid=(\d+)/))[1];
    const held = openSync(`/proc/${pid}/fd/1`, 'w');
    t.after(() => closeSync(held));
    writeFileSync(go, '');
    assert.equal(((await started.ended) as ProgramEnd).exitCode, 0);
    assert.match(started.stdout().toString(), /last\n$/);
  });

  test('CPU time of orphans that ended meanwhile is counted', async (t) => {
    const starter = openStarter({ launcherPath });
    t.after(() => starter.close());
    const own = join(temporaryFolder(t), 'pid');
    const burn = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done';
    const orphan = `(sh -c '${burn}; echo $$ > ${own}' &)`;
    const isOver = `until [ -s ${own} ]; do sleep 0.02; done; while [ -e /proc/$(cat ${own}) ]; do sleep 0.02; done`;
    const { end } = await sh(starter, `${orphan}; ${isOver}`);
    assert.ok(end.measured.figures.cpuUserMs! > 20);
    assert.equal(end.strays, 0);
  });

  test('its own death ends the program, says so, and heals', async (t) => {
    const starter = openStarter({ launcherPath });
    t.after(() => starter.close());
    const daemon = '(setsid sh -c "echo daemon=\\$\\$; exec sleep 100" &)';
    const started = start(starter, 'sh', ['-c', `${daemon}; echo pid=$$; sleep 100`]);
    const pids = [/pid=(\d+)/, /daemon=(\d+)/].map((pattern) => started.seen(pattern));
    const [pid, daemonPid] = (await Promise.all(pids)).map((match) => Number(match[1]));
    process.kill(readProcessTable().find((row) => row.pid === pid)!.parent, 'SIGKILL');
    const end = (await started.ended) as StartFailure;
    assert.equal(end.code, 'LAUNCHER_LOST');
    assert.match(end.message, /SIGKILL/);
    assert.deepEqual([pid!, daemonPid!].filter(isAlive), []);
    assert.equal((await sh(starter, 'exit 6')).end.exitCode, 6);
  });

  test('a program that stops it can still be killed', async (t) => {
    const starter = openStarter({ launcherPath });
    t.after(() => starter.close());
    const started = start(starter, 'sh', [
      '-c',
      'echo parent=$PPID; sleep 0.1; kill -STOP $PPID; sleep 100',
    ]);
    const launcher = Number((await started.seen(/parent=(\d+)/))[1]);
    await until(() => readProcess(launcher)?.state === 'T');
    started.program.kill(0);
    assert.equal(((await started.ended) as ProgramEnd).signal, 'SIGKILL');
  });

  test('the death of the worker ends the program', async (t) => {
    const code = `
      import { openStarter } from ${JSON.stringify(new URL('./open-starter.ts', import.meta.url).href)};
      openStarter({ launcherPath: ${JSON.stringify(launcherPath)} }).start({
        file: '/bin/sh', argv: ['sh', '-c', '(setsid sleep 100 &); echo pid=$$; sleep 100'],
        environment: { PATH: '/bin:/usr/bin' }, directory: '/', stdin: null, timeoutMs: 0,
        killGraceMs: 0, onOutput: (_, bytes) => process.stdout.write(bytes),
      });`;
    const worker = spawn(process.execPath, ['--input-type=module', '-e', code]);
    t.after(() => worker.kill('SIGKILL'));
    const [said] = await once(worker.stdout, 'data');
    const pid = Number(/pid=(\d+)/.exec(String(said))![1]);
    const launcher = readProcessTable().find((row) => row.pid === pid)!.parent;
    const daemon = await until(() =>
      readProcessTable().find((row) => row.parent === launcher && row.pid !== pid),
    );
    worker.kill('SIGKILL');
    await until(() => [pid, launcher, daemon.pid].every((each) => !isAlive(each)));
  });

  test('what is no launcher is named as unfit', async (t) => {
    const folder = temporaryFolder(t);
    const newer = writeScript(
      folder,
      'newer',
      "#!/bin/sh\nprintf '\\10\\0\\0\\0\\1WNDR\\7\\0\\0\\0'; exec sleep 100",
    );
    for (const [path, reason] of [
      ['/nothing/here', /ENOENT/],
      ['/bin/cat', /report/],
      ['/bin/true', /exit code 0/],
      [newer, /version 7/],
    ] as const) {
      const starter = openStarter({ launcherPath: path });
      const end = (await start(starter, 'true', []).ended) as StartFailure;
      assert.equal(end.code, 'LAUNCHER_UNFIT');
      assert.match(end.message, reason);
      await starter.close();
    }
  });

  test('a large request does not count as memory of later programs', async (t) => {
    const starter = openStarter({ launcherPath });
    t.after(() => starter.close());
    await sh(starter, ':', { environment: { PATH, ...large(60, 100_000) } }).catch(() => {});
    await sh(starter, ':');
    assert.ok((await sh(starter, ':')).end.measured.figures.memoryPeakBytes! < 5e6);
  });
});
