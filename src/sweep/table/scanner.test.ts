import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { WindrowError } from '#base';
import type { TableFormat } from './format.ts';
import { TableScanner } from './scanner.ts';
import type { TableIndex } from './table-index.ts';

function scan(format: TableFormat, bytes: Uint8Array | string, cuts: number[] = []): TableIndex {
  const all = Buffer.from(bytes);
  const scanner = new TableScanner({ format, file: 'grid.csv' });
  let from = 0;
  for (const cut of [...cuts.map((n) => n % (all.length + 1)).sort((a, b) => a - b), all.length]) {
    scanner.push(all.subarray(from, cut));
    from = cut;
  }
  return scanner.end();
}

/** The outcome as data, to compare scans of the same bytes in different pieces. */
function outcome(format: TableFormat, bytes: Uint8Array, cuts: number[]) {
  try {
    const index = scan(format, bytes, cuts);
    return { ...index, offsets: [...index.offsets] };
  } catch (error) {
    const { code, facts, message } = error as WindrowError;
    return { code, facts, message };
  }
}

const everyByteAlone = (length: number) => Array.from({ length }, (_, i) => i);

const refusals: [string, TableFormat, string | Buffer, string, RegExp][] = [
  [
    'too few cells',
    'csv',
    'a,b\n1,2\n3\n',
    'TABLE_CELL_COUNT',
    /grid.csv:3: found 1 cells, expected 2/,
  ],
  [
    'too many cells',
    'bar',
    'a|b\n1|2|3\n',
    'TABLE_CELL_COUNT',
    /grid.csv:2: found 3 cells, expected 2/,
  ],
  [
    'a wrong row after a cell of two lines',
    'csv',
    'a,b\n"1\n1",2\n3\n',
    'TABLE_CELL_COUNT',
    /:4: found 1/,
  ],
  ['a blank line between rows', 'csv', 'a,b\n1,2\n\n3,4\n', 'TABLE_BLANK_LINE', /grid.csv:3: /],
  [
    'a blank line between rows with CRLF',
    'csv',
    'a\r\n1\r\n\r\n3\r\n',
    'TABLE_BLANK_LINE',
    /grid.csv:3: /,
  ],
  [
    'a blank line between objects',
    'jsonl',
    '{"a":1}\n\n{"a":1}\n',
    'TABLE_BLANK_LINE',
    /grid.csv:2: /,
  ],
  [
    'a column named twice',
    'csv',
    'a,b,a\n1,2,3\n',
    'TABLE_DUPLICATE_COLUMN',
    /grid.csv:1: .*"a" twice/,
  ],
  [
    'an empty column name',
    'csv',
    'a,,c\n1,2,3\n',
    'TABLE_EMPTY_COLUMN_NAME',
    /grid.csv:1: .*column 2/,
  ],
  ['a blank header', 'csv', '\n1\n', 'TABLE_EMPTY_COLUMN_NAME', /grid.csv:1: .*column 1/],
  ['a column name with a tab', 'csv', '"a\tb"\n1\n', 'TABLE_BAD_COLUMN_NAME', /grid.csv:1: /],
  ['an old Macintosh file', 'csv', 'a,b\r1,2\r', 'TABLE_BAD_COLUMN_NAME', /grid.csv:1: /],
  ['nothing at all', 'csv', '', 'TABLE_EMPTY', /grid.csv: found an empty file/],
  ['a header without rows', 'csv', 'a,b\n', 'TABLE_EMPTY', /grid.csv: found only a header line/],
  ['only blank lines', 'lines', '\n\r\n\n', 'TABLE_EMPTY', /grid.csv: found no row/],
  ['no object', 'jsonl', '\n', 'TABLE_EMPTY', /grid.csv: found no row/],
  [
    'Latin-1',
    'csv',
    Buffer.from('a\n1\nf\xe4n\n', 'latin1'),
    'TABLE_INVALID_UTF8',
    /grid.csv:3: .*byte 5 /,
  ],
  [
    'a cut character at the end',
    'bar',
    Buffer.from([97, 10, 0xe2, 0x82]),
    'TABLE_INVALID_UTF8',
    /:2: .*byte 2 /,
  ],
  [
    'an overlong character',
    'bar',
    Buffer.from([97, 10, 0xc0, 0xaf, 10]),
    'TABLE_INVALID_UTF8',
    /byte 2 /,
  ],
  [
    'a surrogate',
    'bar',
    Buffer.from([97, 10, 49, 0xed, 0xa0, 0x80]),
    'TABLE_INVALID_UTF8',
    /byte 3 /,
  ],
  ['a NUL', 'tsv', 'a\tb\n1\t2\n3\t\0\n', 'TABLE_NUL_BYTE', /grid.csv:3: .*byte 10 /],
  ['an open quote', 'csv', 'a\n1\n"x\ny\n', 'TABLE_UNTERMINATED_QUOTE', /grid.csv:3: /],
  [
    'text after a quote',
    'csv',
    'a,b\n1,"x"y\n',
    'TABLE_TEXT_AFTER_QUOTE',
    /grid.csv:2: .*cell 2, expected "," or/,
  ],
  ['a CR after a quote', 'csv', 'a\n"x"\ry\n', 'TABLE_TEXT_AFTER_QUOTE', /grid.csv:2: /],
  ['a huge cell', 'csv', `a\n${'x'.repeat(2 ** 20 + 1)}\n`, 'TABLE_CELL_TOO_LARGE', /grid.csv:2: /],
  [
    'a huge quoted cell',
    'csv',
    `a\n1\n"${'x\n'.repeat(2 ** 20)}`,
    'TABLE_CELL_TOO_LARGE',
    /grid.csv:3: /,
  ],
  [
    'a huge row',
    'csv',
    `a,b,c,d,e\n${`${'x'.repeat(2 ** 20 - 9)},`.repeat(4)}${'x'.repeat(99)}\n`,
    'TABLE_ROW_TOO_LARGE',
    /grid.csv:2: /,
  ],
  [
    'a huge line',
    'lines',
    `a\n${'x'.repeat(2 ** 20 + 2)}\n`,
    'TABLE_CELL_TOO_LARGE',
    /grid.csv:2: /,
  ],
  [
    'too many columns',
    'csv',
    `${Array.from({ length: 4097 }, (_, i) => `c${i}`)}\n`,
    'TABLE_TOO_MANY_COLUMNS',
    /found 4097 columns/,
  ],
  ['no JSON', 'jsonl', '{"a":1}\n{"a":}\n', 'TABLE_BAD_JSON', /grid.csv:2: /],
  ['an array', 'jsonl', '[1]\n', 'TABLE_BAD_JSON', /grid.csv:1: .*an array/],
  ['an empty object', 'jsonl', '{}\n', 'TABLE_BAD_JSON', /grid.csv:1: /],
  [
    'a missing key',
    'jsonl',
    '{"a":1,"b":2}\n{"a":1}\n',
    'TABLE_JSON_KEY_MISSING',
    /grid.csv:2: found no key "b".*line 1/,
  ],
  [
    'a new key',
    'jsonl',
    '{"a":1}\n{"a":1,"c":2}\n',
    'TABLE_JSON_KEY_UNKNOWN',
    /grid.csv:2: found the key "c"/,
  ],
  ['a key twice', 'jsonl', '{"a":1}\n{"a":1,"a":2}\n', 'TABLE_DUPLICATE_COLUMN', /grid.csv:2: /],
  ['a NUL spelled in JSON', 'jsonl', '{"a":"\\u0000"}\n', 'TABLE_BAD_JSON', /grid.csv:1: .*NUL/],
  [
    'half a surrogate in JSON',
    'jsonl',
    '{"a":"\\ud800"}\n',
    'TABLE_BAD_JSON',
    /grid.csv:1: .*surrogate/,
  ],
];

for (const [what, format, bytes, code, message] of refusals) {
  test(`a ${format} table with ${what} is refused, naming file and line`, () => {
    const content = Buffer.from(bytes);
    assert.throws(() => scan(format, content), { code, message });
    if (content.length > 100) return;
    assert.throws(() => scan(format, content, everyByteAlone(content.length)), { code, message });
  });
}

test('columns are known as soon as the header has come', () => {
  const scanner = new TableScanner({ format: 'csv', file: 'grid.csv' });
  scanner.push(Buffer.from('al'));
  assert.equal(scanner.columns, undefined);
  scanner.push(Buffer.from('pha,beta\n'));
  assert.deepEqual(scanner.columns, ['alpha', 'beta']);
});

test('the index names the whole file and every 64th row', () => {
  const rows = Array.from({ length: 130 }, (_, i) => `${i}`.padStart(3, '0'));
  const index = scan('bar', `\uFEFFa\n${rows.join('\n')}\n\n\n`);
  assert.equal(index.rows, 130);
  assert.deepEqual([...index.offsets], [5, 5 + 64 * 4, 5 + 128 * 4, 5 + 130 * 4]);
  assert.equal(index.bytes, 5 + 130 * 4 + 2);
});

const tableBytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .array(
      fc.constantFrom('a', '"', '""', ',', '|', '\n', '\r\n', '\r', 'é', '{"a":1}', ' ', '\0', ''),
    )
    .map((pieces) => Buffer.from(`a\n${pieces.join('')}`)),
);

for (const format of ['bar', 'csv', 'tsv', 'jsonl', 'lines'] as const) {
  test(`whatever the bytes of a ${format} table, the verdict does not depend on how they are cut`, () => {
    fc.assert(
      fc.property(tableBytes, fc.array(fc.nat(50)), (bytes, cuts) => {
        const whole = outcome(format, bytes, []);
        assert.ok('rows' in whole || whole.code?.startsWith('TABLE_'), String(whole.message));
        assert.deepEqual(outcome(format, bytes, cuts), whole);
        assert.deepEqual(outcome(format, bytes, everyByteAlone(bytes.length)), whole);
      }),
      { numRuns: 400 },
    );
  });
}
