/** Whatever is said, in whatever pieces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { WindrowError } from '#base';
import { BEGIN, Collector, complete, END, pieces, textOf } from './framing-world.ts';
import { readTask } from './task-reader.ts';
import { taskTextBytes } from './task-text.ts';

const fileName = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((name) => !/[\r\n\0]/.test(name));
/** Bytes that like to look like framing. */
const content = fc.oneof(
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  fc
    .array(
      fc.constantFrom('\n', '\r', '--end content--', '--end', 'x', '[Result]', 'Name=a', '\n--'),
    )
    .map((words) => Buffer.from(words.join(''))),
);
const chunkSizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });

test('any task comes through the format as it was, however it is cut', async () => {
  const task = fc.record({
    ticket: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    timeoutS: fc.integer({ min: 0, max: 999_999_999 }),
    commandLine: fc.string({ unit: 'grapheme' }).filter((line) => !/[\r\n\0]/.test(line)),
    inputs: fc.array(fc.record({ file: fileName, content }), { maxLength: 4 }),
    results: fc.array(fc.record({ name: fileName, file: fileName }, { noNullPrototype: true }), {
      minLength: 1,
      maxLength: 3,
    }),
  });
  await fc.assert(
    fc.asyncProperty(task, chunkSizes, async (written, sizes) => {
      const inputs = written.inputs.map(({ file, content }) => ({
        file,
        content,
        bytes: content.length,
      }));
      const text = await textOf({ ...written, inputs });
      assert.equal(text.length, taskTextBytes({ ...written, inputs }));
      const sink = new Collector();
      const { inputs: _, ...rest } = written;
      assert.deepEqual(await readTask(pieces(text, sizes), sink), rest);
      assert.deepEqual(
        sink.parts.map(({ name, content, bytes }) => ({ file: name, content, bytes })),
        inputs,
      );
    }),
    { numRuns: 300 },
  );
});

test('any results come through, with Length and, where they hold no end line, without', async () => {
  const results = fc.uniqueArray(
    fc.record({ name: fileName, content, counted: fc.boolean(), newline: fc.boolean() }),
    { minLength: 1, maxLength: 4, selector: (result) => result.name },
  );
  await fc.assert(
    fc.asyncProperty(results, chunkSizes, async (written, sizes) => {
      const blocks = written.flatMap(({ name, content, counted, newline }) => {
        const mustCount =
          counted || /(^|\n)--end content--(\r?\n|\r?$)/.test(content.toString('latin1'));
        const length = mustCount ? `Length=${content.length}\n` : '';
        const gap = mustCount && !newline ? '' : '\n';
        return [
          Buffer.from(`[Result]\nName=${name}\n${length}${BEGIN}`),
          content,
          Buffer.from(gap + END),
        ];
      });
      const parts = await complete(Buffer.concat(blocks), sizes);
      assert.deepEqual(
        parts.map(({ name, content }) => ({ name, content })),
        written.map(({ name, content }) => ({ name, content })),
      );
    }),
    { numRuns: 500 },
  );
});

test('whatever bytes come, they are read or refused with a code, the same however they are cut', async () => {
  const word = fc.constantFrom(
    '[Result]\n',
    'Name=a\n',
    'Name=b\r\n',
    'Length=3\n',
    BEGIN,
    END,
    'abc',
    '\n',
    '\r',
    '--end content--',
    '\xff',
    '[',
  );
  const outcome = async (body: Buffer, sizes: readonly number[]) =>
    await complete(body, sizes).then(
      (parts) => parts.map(({ name, content }) => `${name}:${content.toString('latin1')}`),
      (error: WindrowError) => {
        assert.match(error.code, /^OPEN_/);
        return `${error.code} ${error.message}`;
      },
    );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 20 }), chunkSizes, async (words, sizes) => {
      const body = Buffer.from(words.join(''), 'latin1');
      assert.deepEqual(await outcome(body, sizes), await outcome(body, []));
    }),
    { numRuns: 2000 },
  );
});
