import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { WindrowError } from '#base';
import {
  LINE_LIMIT_BYTES,
  type LineProcess,
  type LineProcessEnd,
  type LineProcessOptions,
  openLineProcess,
} from './line-process.ts';
import { isAlive, PATH, temporaryFolder, until, writeScript } from './starter-world.ts';

interface Talk extends LineProcess {
  readonly lines: string[];
  readonly ends: LineProcessEnd[];
}

function talk(test: TestContext, argv: string[], more: Partial<LineProcessOptions> = {}): Talk {
  const lines: string[] = [];
  const ends: LineProcessEnd[] = [];
  const process = openLineProcess({
    argv,
    directory: temporaryFolder(test),
    environment: { PATH },
    memoryBytes: 0,
    onLine: (line) => lines.push(line),
    onEnd: (end) => ends.push(end),
    ...more,
  });
  test.after(() => process.kill());
  return { ...process, lines, ends };
}

const shell = (test: TestContext, command: string, more?: Partial<LineProcessOptions>) =>
  talk(test, ['/bin/sh', '-c', command], more);

suite('a line process', () => {
  test('answers lines on descriptor 3, whatever it prints', async (t) => {
    const echo = shell(
      t,
      'while read -r line; do echo noise; printf "got %s\\n" "$line" >&3; done',
    );
    echo.send('one');
    echo.send('{"two":"ü\\n"}');
    await until(() => echo.lines.length === 2);
    assert.deepEqual(echo.lines, ['got one', 'got {"two":"ü\\n"}']);
    echo.kill();
    const end = await echo.closed;
    assert.deepEqual([end.reason, end.signal, end.exitCode], ['killed', 'SIGKILL', null]);
    assert.match(end.stdout.text, /^noise\nnoise\n$/);
    assert.deepEqual(echo.ends, [end]);
  });

  test('a line of 16 MiB passes both ways', async (t) => {
    const echo = talk(t, ['/bin/sh', '-c', 'exec cat >&3']);
    const line = 'x'.repeat(LINE_LIMIT_BYTES);
    echo.send(line);
    await until(() => echo.lines.length === 1);
    assert.equal(echo.lines[0] === line, true);
    assert.throws(() => echo.send(`${line}x`), coded('LINE_NOT_SENDABLE'));
    assert.throws(() => echo.send('a\nb'), coded('LINE_NOT_SENDABLE'));
  });

  test('a longer line ends it with that reason', async (t) => {
    const flood = shell(t, 'echo first >&3; yes | tr -d "\\n" >&3');
    const end = await flood.closed;
    assert.equal(end.reason, 'line-too-long');
    assert.match(end.message, /longer than 16777216 bytes/);
    assert.deepEqual(flood.lines, ['first']);
  });

  test('lines are not taken for ever from a child that reads none', async (t) => {
    const deaf = shell(t, 'sleep 100');
    const line = 'x'.repeat(LINE_LIMIT_BYTES);
    assert.throws(() => {
      for (let i = 0; i < 4; i++) deaf.send(line);
    }, coded('LINE_NOT_SENDABLE'));
  });

  test('memory of the whole tree is limited from outside', async (t) => {
    const hold = 'const held = Buffer.alloc(150_000_000, 1); setInterval(() => held.fill(2), 50)';
    const memoryBytes = 120_000_000;
    const script = `${process.execPath} -e '${hold}' & echo pid=$! >&3; wait`;
    const hungry = shell(t, script, { memoryBytes });
    const end = await hungry.closed;
    assert.equal(end.reason, 'memory');
    assert.match(end.message, /used \d{9} bytes .* limit is 120000000/);
    assert.equal(isAlive(Number(hungry.lines[0]!.slice(4))), false);
  });

  test('its end takes its children and daemons along', async (t) => {
    const child = (name: string) => `sh -c "echo \\$\\$ >&3; : > ${name}; sleep 100; :"`;
    const both = 'until [ -e one ] && [ -e two ]; do sleep 0.02; done';
    const parent = shell(t, `${child('one')} & setsid ${child('two')} & ${both}; exit 3`);
    const end = await parent.closed;
    assert.deepEqual([end.reason, end.exitCode], ['exited', 3]);
    assert.match(end.message, /ended by itself \(exit code 3\)/);
    assert.equal(parent.lines.length, 2);
    assert.deepEqual(parent.lines.map(Number).filter(isAlive), []);
  });

  test('what it wrote before its end is kept, head and tail', async (t) => {
    const loud = shell(t, 'echo begin >&2; yes | head -c 1000000 >&2; echo end >&2; echo last >&3');
    const { stderr, stdout } = await loud.closed;
    assert.deepEqual(loud.lines, ['last']);
    assert.match(stderr.text.slice(0, 20), /^begin\ny\n/);
    assert.match(stderr.text, /\ny?\n\[… \d+ bytes cut …\]\n/);
    assert.match(stderr.text.slice(-20), /y\nend\n$/);
    assert.ok(stderr.text.length < 70_000);
    assert.equal(stderr.cutBytes, 1_000_010 - 65_536);
    assert.deepEqual(stdout, { text: '', cutBytes: 0 });
  });

  test('what cannot be started ends as not started', async (t) => {
    for (const [argv, directory] of [
      [['/nothing/here'], '/'],
      [['/bin/true'], '/nothing/here'],
      [['/bin/true', 'x'.repeat(200_000)], '/'],
      [[''], '/'],
      [[], '/'],
      [['/bin/true', 'a\0b'], '/'],
    ] as [string[], string][]) {
      const none = talk(t, argv, { directory });
      none.send('into the void');
      assert.equal((await none.closed).reason, 'not-started');
      assert.equal(none.ends.length, 1);
    }
  });

  test('sending to and killing an ended process changes nothing', async (t) => {
    const short = talk(t, [writeScript(temporaryFolder(t), 'short', '#!/bin/sh\nexit 4')]);
    short.send('never read');
    assert.equal((await short.closed).exitCode, 4);
    short.send('too late');
    short.kill();
  });
});

function coded(code: string): (error: unknown) => boolean {
  return (error) => error instanceof WindrowError && error.code === code;
}
