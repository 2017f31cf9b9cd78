import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeStart,
  REQUEST_LIMIT_BYTES,
  type ReportHandlers,
  ReportReader,
} from './launcher-frames.ts';
import type { StartRequest } from './port.ts';

type Seen = [string, ...unknown[]];

function record(): { seen: Seen[]; handlers: ReportHandlers } {
  const seen: Seen[] = [];
  const handlers: ReportHandlers = {
    onHello: (version) => seen.push(['hello', version]),
    onOutput: (stream, bytes) => {
      const last = seen.at(-1);
      if (last?.[0] === stream) last[1] = `${last[1]}${bytes.toString('latin1')}`;
      else seen.push([stream, bytes.toString('latin1')]);
    },
    onEnded: (id, end) => seen.push(['ended', id, end]),
    onFailed: (id, errno, stage) => seen.push(['failed', id, errno, stage]),
    onMalformed: () => seen.push(['malformed']),
  };
  return { seen, handlers };
}

function frame(kind: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32LE(payload.length);
  header[4] = kind;
  return Buffer.concat([header, payload]);
}

const ENDED = Buffer.alloc(76);
ENDED.set([1, 2, 0, 0, 2, 3, 9, 0, 7]);
ENDED.writeBigUInt64LE(5_000_000_001n, 12);
ENDED.writeBigUInt64LE(2_500n, 20);
ENDED.writeBigUInt64LE(123_456_789_012n, 36);
ENDED.writeBigUInt64LE(512n, 44);
ENDED.writeBigUInt64LE(258n, 60);
ENDED.writeBigUInt64LE(2n ** 60n + 1n, 68);

test('reports are read the same in whatever pieces they arrive', () => {
  const noise = Buffer.from('\x04\x00\x00\x00\x05 output that looks like a report');
  const stream = Buffer.concat([
    frame(1, Buffer.from('WNDR\x02\0\0\0')),
    frame(2, noise),
    frame(3, Buffer.from('error')),
    frame(4, ENDED),
    frame(5, Buffer.from([1, 2, 0, 0, 8, 0, 0, 0, 4])),
    frame(5, Buffer.from([2, 2, 0, 0, 125, 0, 0, 0, 5])),
  ]);
  const expected = [
    ['hello', 2],
    ['stdout', noise.toString('latin1')],
    ['stderr', 'error'],
    [
      'ended',
      0x201,
      {
        exitCode: null,
        signal: 9,
        timedOut: true,
        killed: true,
        abandoned: false,
        strays: 7,
        wallMs: 5_000_000.001,
        cpuUserMs: 2.5,
        cpuSystemMs: 0,
        memoryPeakBytes: 123_456_789_012,
        ioReadBytes: 512,
        ioWriteBytes: 0,
        contextSwitches: 258,
        endedAtNs: 2n ** 60n + 1n,
      },
    ],
    ['failed', 0x201, 8, 'exec'],
    ['failed', 0x202, 125, 'withdrawn'],
  ];
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 })), (sizes) => {
      const { seen, handlers } = record();
      const reader = new ReportReader(handlers);
      let at = 0;
      for (const size of [...sizes, stream.length]) {
        if (at < stream.length) reader.push(stream.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(seen, expected);
    }),
  );
});

test('what the launcher would never say is refused once and nothing after it is believed', () => {
  const sound = frame(4, ENDED);
  for (const bad of [
    frame(9, Buffer.alloc(3)),
    frame(4, Buffer.alloc(75)),
    frame(1, Buffer.from('HTTP\x01\0\0\0')),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 4]),
    Buffer.from([1, 0, 1, 0, 2]),
  ]) {
    const { seen, handlers } = record();
    const reader = new ReportReader(handlers);
    reader.push(Buffer.concat([bad, sound]));
    reader.push(sound);
    assert.deepEqual(seen, [['malformed']]);
  }
});

test('a request too large for the launcher is not sent', () => {
  const request: StartRequest = {
    file: 'true',
    argv: ['true', 'x'.repeat(REQUEST_LIMIT_BYTES)],
    environment: {},
    directory: '/',
    stdin: null,
    timeoutMs: 0,
    killGraceMs: 0,
    onOutput: () => {},
  };
  assert.equal(encodeStart(1, request, 'C=1'), null);
});
