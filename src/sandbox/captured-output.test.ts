import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CapturedOutput } from './captured-output.ts';

test('in whatever pieces output comes, its head and tail are kept and the rest is counted', () => {
  const pieces = fc.array(fc.stringMatching(/^[a-z]{0,40}$/), { maxLength: 30 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 0, max: 99 }), (texts, limit) => {
      const captured = new CapturedOutput(limit);
      for (const text of texts) captured.push(Buffer.from(text));
      const whole = texts.join('');
      const { text, cutBytes } = captured.result();
      if (whole.length <= limit) assert.deepEqual([text, cutBytes], [whole, 0]);
      else {
        const cut = whole.length - limit;
        const head = whole.slice(0, Math.ceil(limit / 2));
        const tail = whole.slice(whole.length - Math.floor(limit / 2));
        assert.deepEqual([text, cutBytes], [`${head}\n[… ${cut} bytes cut …]\n${tail}`, cut]);
      }
    }),
  );
});
