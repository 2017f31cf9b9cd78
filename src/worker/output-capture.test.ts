import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { OutputCapture } from './output-capture.ts';

function capture(pieces: readonly Buffer[], logBytes: number) {
  const output = new OutputCapture({ logBytes, whole: null });
  for (const piece of pieces) output.write(piece);
  return output.end();
}

function withDirectory(use: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-capture-'));
  try {
    use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a log is the whole stream, or its first and last half with the missing bytes counted', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 0, max: 100 }), (arrays, logBytes) => {
      const all = Buffer.concat(arrays);
      const { log, cutBytes, totalBytes } = capture(
        arrays.map((a) => Buffer.from(a)),
        logBytes,
      );
      assert.equal(totalBytes, all.length);
      assert.equal(cutBytes, Math.max(0, all.length - logBytes));
      const head = Math.floor(logBytes / 2);
      const expected =
        all.length <= logBytes
          ? all
          : Buffer.concat([all.subarray(0, head), all.subarray(all.length - (logBytes - head))]);
      assert.deepEqual(log, expected);
    }),
  );
});

test('the last line is the same however the stream is cut into pieces', () => {
  const line = fc.constantFrom('', ' ', 'error 7', '\t', 'über', '\x1b[31mred\x1b[0m', '\r');
  const cuts = fc.array(fc.nat(60), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), cuts, (lines, at) => {
      const all = Buffer.from(lines.join('\n'));
      const edges = [
        0,
        ...at.map((n) => Math.min(n, all.length)).sort((a, b) => a - b),
        all.length,
      ];
      const pieces = edges.slice(1).map((edge, i) => all.subarray(edges[i], edge));
      const shown = lines.map((text) => text.replace(/\x1b\[\d+m/g, '').trim());
      assert.equal(capture(pieces, 10).lastLine, shown.filter((text) => text !== '').at(-1) ?? '');
    }),
  );
});

test('a last line is at most 500 characters of valid text whatever bytes came', () => {
  assert.equal(capture([Buffer.from(`a${'😀'.repeat(9000)}\n\n`)], 0).lastLine.length, 499);
  assert.equal(capture([Buffer.from('x'.repeat(100_000))], 0).lastLine, 'x'.repeat(500));
  const { lastLine } = capture([Buffer.from([0x61, 0xff, 0x00, 0x07, 0x62, 0x0a])], 0);
  assert.equal(lastLine, 'a\ufffdb');
});

test('a stream that is a small result stays in memory and makes no file', () => {
  withDirectory((directory) => {
    const spillPath = join(directory, 'stdout');
    const output = new OutputCapture({ logBytes: 0, whole: { spillPath, limitBytes: 1e6 } });
    output.write(Buffer.from('42\n'));
    assert.deepEqual(output.end().whole, { kind: 'memory', bytes: Buffer.from('42\n') });
    assert.equal(existsSync(spillPath), false);
  });
});

test('a stream that is a large result lies complete in a private file with its digest', () => {
  withDirectory((directory) => {
    const spillPath = join(directory, 'stdout');
    const output = new OutputCapture({ logBytes: 100, whole: { spillPath, limitBytes: 1e7 } });
    const hash = createHash('sha256');
    for (let i = 0; i < 300; i++) {
      const piece = Buffer.alloc(1000, `${i} `);
      hash.update(piece);
      output.write(piece);
    }
    const { whole, log } = output.end();
    const sha256 = hash.digest('hex');
    assert.deepEqual(whole, { kind: 'file', path: spillPath, bytes: 300_000, sha256 });
    assert.equal(createHash('sha256').update(readFileSync(spillPath)).digest('hex'), sha256);
    assert.equal(statSync(spillPath).mode & 0o777, 0o600);
    assert.equal(log.length, 100);
    output.dispose();
    assert.equal(existsSync(spillPath), false);
  });
});

test('a result stream over its limit is given up and leaves no file, but its log is kept', () => {
  withDirectory((directory) => {
    const spillPath = join(directory, 'stdout');
    const output = new OutputCapture({ logBytes: 10, whole: { spillPath, limitBytes: 100_000 } });
    for (let i = 0; i < 3; i++) output.write(Buffer.alloc(50_000, 'x'));
    const { whole, log } = output.end();
    assert.deepEqual(whole, { kind: 'failed', why: 'limit', code: undefined });
    assert.equal(log.length, 10);
    assert.equal(existsSync(spillPath), false);
  });
});

test('a spill file that exists already is never written into', () => {
  withDirectory((directory) => {
    const spillPath = join(directory, 'stdout');
    writeFileSync(spillPath, 'mine');
    const output = new OutputCapture({ logBytes: 0, whole: { spillPath, limitBytes: 1e7 } });
    output.write(Buffer.alloc(100_000));
    assert.deepEqual(output.end().whole, { kind: 'failed', why: 'spill', code: 'EEXIST' });
    output.dispose();
    assert.equal(readFileSync(spillPath, 'utf8'), 'mine');
  });
});
