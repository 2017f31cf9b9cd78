import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { Access } from '../../http/access.ts';
import { NOW_MS, openCollector } from '../../testing/collector.ts';
import { until } from '../../testing/until.ts';
import { OwnTroubles } from '../own-troubles.ts';
import { SyslogDesk } from './desk.ts';
import { parseSyslog } from './message.ts';
import { bindTcp, SyslogFrames, SyslogTcp } from './tcp.ts';
import { bindUdp, SyslogUdp } from './udp.ts';

const run = promisify(execFile);
const hasLogger = spawnSync('logger', ['--version']).error === undefined;

function openDesk(severityMost = 4) {
  const { collector, clock } = openCollector();
  const desk = new SyslogDesk({
    ...{ sink: collector, severityMost, nowMs: () => clock.now() },
    onTaken: () => {},
  });
  return { collector, clock, desk };
}

async function openSyslog(t: TestContext, severityMost?: number) {
  const { collector, desk } = openDesk(severityMost);
  const access = new Access({ allow: [], proxies: [] });
  const own = new OwnTroubles(collector, 'here', 'life');
  const listening = { desk, access, sink: collector, own, onTaken: () => {} };
  const socket = await bindUdp({ host: '127.0.0.1', port: 0 });
  const server = await bindTcp({ host: '127.0.0.1', port: 0 });
  const ports = { udp: socket.address().port, tcp: (server.address() as AddressInfo).port };
  const sources = [new SyslogUdp(socket, listening), new SyslogTcp(server, listening)];
  t.after(() => Promise.all(sources.map((source) => source.close())));
  return { collector, ports };
}

describe('a syslog message', () => {
  it('is read in the forms that senders use', () => {
    const local = (month: number, ...rest: [number, number, number, number]) =>
      new Date(2026, month, ...rest).getTime();
    const cases: [string, object][] = [
      [
        "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed",
        {
          severity: 2,
          host: 'mymachine.example.com',
          text: "su: 'su root' failed",
          atMs: Date.UTC(2003, 9, 11, 22, 14, 15, 3),
          sequence: null,
        },
      ],
      [
        '<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - [a b="x\\"]"][meta sequenceId="29"] text',
        {
          severity: 5,
          host: '192.0.2.1',
          text: 'myproc: text',
          atMs: Date.UTC(2003, 7, 24, 12, 14, 15),
          sequence: '29',
        },
      ],
      ['<3>1 - - - - - -', { severity: 3, host: '', text: '', atMs: null, sequence: null }],
      [
        '<4>Nov 21 16:22:04 oss1 kernel: LustreError: 137-5: testfs-OST0001_UUID: not available',
        {
          severity: 4,
          host: 'oss1',
          text: 'kernel: LustreError: 137-5: testfs-OST0001_UUID: not available',
          atMs: local(10, 21, 16, 22, 4),
          sequence: null,
        },
      ],
      [
        '<13>Nov  1 06:02:04 program[17]: no host\n',
        {
          severity: 5,
          host: '',
          text: 'program[17]: no host',
          atMs: local(10, 1, 6, 2, 4),
          sequence: null,
        },
      ],
      ['just text', { severity: 5, host: '', text: 'just text', atMs: null, sequence: null }],
      ['<999>odd', { severity: 5, host: '', text: 'odd', atMs: null, sequence: null }],
    ];
    for (const [text, expected] of cases)
      assert.deepEqual(parseSyslog(text, NOW_MS), expected, text);
  });

  it('without a year is of the year that is nearest', () => {
    const newYear = new Date(2027, 0, 1, 0, 0, 30).getTime();
    assert.equal(
      parseSyslog('<4>Dec 31 23:59:59 a b: c', newYear).atMs,
      new Date(2026, 11, 31, 23, 59, 59).getTime(),
    );
  });

  it('may be anything, and is read in bounded time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        parseSyslog(text, NOW_MS);
        parseSyslog(`<3>1 ${text}`, NOW_MS);
      }),
    );
    const began = performance.now();
    for (const text of [
      `<3>1 - - - - - ${'[a b="'.repeat(20_000)}`,
      `<3>1 - - - - - [meta ${'x="y" '.repeat(20_000)}]`,
      `<3>1 - - - - - ${'[meta '.repeat(20_000)}]`,
      `<3>Nov 21 16:22:04 ${'a'.repeat(100_000)}`,
      `<3>${'1 '.repeat(50_000)}`,
    ]) {
      parseSyslog(text, NOW_MS);
    }
    assert.ok(performance.now() - began < 10_000);
  });

  it('is a trap by its severity, or by what Lustre says in it', () => {
    const { collector, desk } = openDesk();
    const say = (severity: number, text: string) =>
      desk.take(`<${severity}>Nov 21 16:22:04 oss1 kernel: ${text}`, '10.0.0.1');
    for (let severity = 0; severity < 8; severity++) say(severity, `severity ${severity}`);
    assert.deepEqual(
      collector.all().map(({ category }) => category),
      [3, 3, 2, 2, 1],
    );
    say(
      6,
      "Lustre: MGS: haven't heard from client x (at 7@ptl) in 679 seconds. I think it's dead, and I am evicting it.",
    );
    say(4, 'LustreError: 123:0:(x.c:1:y()) LBUG');
    say(
      4,
      'LustreError: 167-0: This client was evicted by test-MDT0000; in progress operations using this service will fail.',
    );
    assert.deepEqual(
      collector
        .all()
        .slice(5)
        .map(({ category, fileSystem }) => [category, fileSystem]),
      [
        [2, ''],
        [3, ''],
        [2, 'test'],
      ],
    );
    assert.equal(collector.counters.values().suppressed, 3);
  });

  it('that repeats is counted, as the kernel counts what it leaves out', () => {
    const { collector, desk } = openDesk();
    const say = (second: string, text: string) =>
      desk.take(`<3>Nov 21 16:22:${second} oss1 ${text}`, '');
    say('01', 'kernel: LustreError: 11-0: an error occurred');
    say('02', 'kernel: LustreError: 11-0: an error occurred');
    say('03', 'kernel: LustreError: Skipped 7 previous similar messages');
    say('04', 'last message repeated 3 times');
    assert.deepEqual(
      collector.all().map(({ count }) => count),
      [12],
    );
    desk.take('<3>Nov 21 16:22:04 oss2 kernel: Skipped 7 previous similar messages', '');
    assert.equal(collector.size, 2);
  });

  it('that says nothing is malformed', () => {
    const { collector, desk } = openDesk();
    for (const text of ['', ' \n', '<3>', '<3>1 - - - - - -', '<3>Nov 21 16:22:04 oss1  ']) {
      desk.take(text, '10.1.2.3');
    }
    assert.equal(collector.counters.values().malformed, 5);
    assert.equal(collector.size, 0);
  });

  it('without a host is of who sent it', () => {
    const { collector, desk } = openDesk();
    desk.take('<3>something', '10.1.2.3');
    assert.deepEqual(collector.nodes.names(''), ['10.1.2.3']);
  });
});

describe('frames over TCP', () => {
  it('are counted octets or lines, in whatever pieces they come', () => {
    const messages = ['<3>one', '<3>zwö ölf', '<3>three\nlines\n', '<3>4'];
    const counted = messages.map((one) => `${Buffer.byteLength(one)} ${one}`).join('');
    const lines = '<3>a\r\n\n<3>b\n';
    const stream = Buffer.from(`${counted}${lines}${counted}${lines}<3>end`);
    const expected = [...messages, '<3>a', '<3>b', ...messages, '<3>a', '<3>b', '<3>end'];
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
        const found: string[] = [];
        const frames = new SyslogFrames((text) => void found.push(text));
        const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
        for (let i = 1; i < places.length; i++) {
          assert.equal(frames.push(stream.subarray(places[i - 1], places[i])), true);
        }
        frames.end();
        assert.deepEqual(found, expected);
      }),
    );
  });

  it('that count wrongly or too much are broken', () => {
    for (const text of ['999999 x', '12345678 x', '3x', '1000000000000']) {
      const frames = new SyslogFrames(() => assert.fail());
      assert.equal(frames.push(Buffer.from(text.padEnd(20, '9'))), false, text);
    }
  });
});

describe('listening for syslog', () => {
  it('takes what logger sends, over UDP and TCP, in both forms', {
    skip: hasLogger ? false : 'there is no logger',
  }, async (t) => {
    const { collector, ports } = await openSyslog(t);
    const way = { '-d': ports.udp, '-T': ports.tcp };
    for (const [flag, port] of Object.entries(way)) {
      for (const form of ['--rfc3164', '--rfc5424']) {
        const message = `disk ${flag} ${form} fails`;
        await run('logger', [
          ...[
            '-n',
            '127.0.0.1',
            '-P',
            String(port),
            flag,
            form,
            '-p',
            'daemon.err',
            '-t',
            'smartd',
          ],
          ...['--', message],
        ]);
        const trap = await until(message, () =>
          collector.all().find((one) => one.message.includes(message)),
        );
        assert.match(trap.message, /^smartd: disk/);
        assert.equal(trap.category, 2);
        assert.ok(Math.abs(trap.atMs - Date.now()) < 60_000);
      }
    }
    assert.equal(collector.nodes.size, 1);
  });

  it('takes messages at all addresses of both families', async (t) => {
    const socket = await bindUdp({ host: '*', port: 0 });
    t.after(() => socket.close());
    const { address, family, port } = socket.address();
    if (family !== 'IPv6') return t.skip('there is no IPv6');
    assert.equal(address, '::');
    const came: string[] = [];
    socket.on('message', (bytes) => came.push(bytes.toString()));
    for (const [type, host] of [
      ['udp4', '127.0.0.1'],
      ['udp6', '::1'],
    ] as const) {
      const sender = createSocket(type);
      t.after(() => sender.close());
      sender.send(type, port, host);
    }
    await until('both are there', () => came.length === 2);
    assert.deepEqual(came.sort(), ['udp4', 'udp6']);
  });

  it('survives floods, rubbish and half a message', async (t) => {
    const { collector, ports } = await openSyslog(t);
    const socket = createSocket('udp4');
    for (let i = 0; i < 2000; i++) {
      socket.send(
        Buffer.from(i % 100 === 0 ? [0, 255, i % 256] : `<3>message ${i}`),
        ports.udp,
        '127.0.0.1',
      );
    }
    socket.send(Buffer.alloc(60_000, 'x'), ports.udp, '127.0.0.1');
    socket.send('', ports.udp, '127.0.0.1');
    const half = connect(ports.tcp, '127.0.0.1', () => half.write('1000 <3>ha'));
    const broken = connect(ports.tcp, '127.0.0.1', () => broken.write('99999999 x'));
    await once(broken, 'close');
    half.resetAndDestroy();
    await until('most have come', () => collector.counters.values().received > 1000);
    socket.close();
    assert.equal(collector.size, 250);
  });
});
