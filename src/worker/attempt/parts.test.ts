import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseInline, inlinePart, type OutgoingPart } from './parts.ts';

function partOf(bytes: Buffer): OutgoingPart {
  const content = { kind: 'memory', bytes } as const;
  return { name: 'a', kind: 'result', file: 'a', cutBytes: 0, bytes: bytes.length, content };
}

test('any bytes survive the way through JSON', () => {
  const text = fc.string({ unit: 'binary' }).map((value) => Buffer.from(value));
  const bytes = fc.uint8Array().map((value) => Buffer.from(value));
  const marked = text.map((value) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), value]));
  fc.assert(
    fc.property(fc.oneof(text, bytes, marked), (value) => {
      const sent = JSON.parse(JSON.stringify(inlinePart(partOf(value), value)));
      const back = 'text' in sent ? Buffer.from(sent.text) : Buffer.from(sent.base64, 'base64');
      assert.deepEqual(back, value);
    }),
  );
});

test('parts travel inline in their order as long as they fit together', () => {
  const sizes = [50, 60, 40, 10, 0].map((size) => partOf(Buffer.alloc(size)));
  assert.deepEqual(chooseInline(sizes, 100), [true, false, true, true, true]);
});
