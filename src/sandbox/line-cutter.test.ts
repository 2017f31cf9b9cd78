import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineCutter } from './line-cutter.ts';

function cut(bytes: Buffer, sizes: readonly number[], limit: number): string[] {
  const lines: string[] = [];
  const cutter = new LineCutter(limit, {
    onLine: (line) => lines.push(line),
    onTooLong: () => lines.push('TOO LONG'),
  });
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    cutter.push(bytes.subarray(at, at + size));
    at += size;
  }
  return lines;
}

test('lines come out as they went in, however the stream is cut', () => {
  const text = fc.stringMatching(/^[a-z\u00fc\u{1f33e} ]{0,20}$/u);
  fc.assert(
    fc.property(fc.array(text), fc.array(fc.nat(9)), (lines, sizes) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      assert.deepEqual(cut(bytes, sizes, 100), lines);
    }),
  );
});

test('after a line that is too long nothing more is read', () => {
  for (const sizes of [[], [1, 1, 1, 1, 1, 1], [6]]) {
    assert.deepEqual(cut(Buffer.from('a\nbcd\nefgh\ni\n'), sizes, 3), ['a', 'bcd', 'TOO LONG']);
  }
});
