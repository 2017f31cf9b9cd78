import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { SEPARATOR, type TableFormat } from './format.ts';
import { TableReader } from './reader.ts';
import { scanTable, TableScanner } from './scanner.ts';
import { decodeIndex, encodeIndex } from './table-index.ts';

const folder = mkdtempSync(join(tmpdir(), 'windrow-table-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'table');

function open(format: TableFormat, content: string | Buffer, pieceBytes = 2 ** 16): TableReader {
  const bytes = Buffer.from(content);
  writeFileSync(path, bytes);
  const scanner = new TableScanner({ format, file: 'table' });
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    scanner.push(bytes.subarray(at, at + pieceBytes));
  }
  return TableReader.open(path, decodeIndex(encodeIndex(scanner.end())));
}

function readAll(format: TableFormat, content: string | Buffer, pieceBytes?: number) {
  const reader = open(format, content, pieceBytes);
  try {
    const rows = reader.rows(0, reader.count + 10);
    for (let i = 0; i < reader.count; i += 7) assert.deepEqual(reader.row(i), rows[i]);
    return { columns: reader.columns, rows };
  } finally {
    reader.close();
  }
}

const cell = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.replaceAll('\0', '')),
  fc
    .array(fc.constantFrom('"', ',', '|', '\t', '\n', '\r', 'a', ' ', 'é', '😀'))
    .map((c) => c.join('')),
);

const table = fc
  .record({ width: fc.integer({ min: 1, max: 4 }), height: fc.integer({ min: 1, max: 200 }) })
  .chain(({ width, height }) =>
    fc.record({
      rows: fc.array(fc.array(cell, { minLength: width, maxLength: width }), {
        minLength: 1,
        maxLength: height,
      }),
      width: fc.constant(width),
      format: fc.constantFrom('bar', 'csv', 'tsv'),
      newline: fc.constantFrom('\n', '\r\n'),
      bom: fc.boolean(),
      last: fc.boolean(),
      quoteAll: fc.boolean(),
      pieceBytes: fc.integer({ min: 1, max: 60 }),
    }),
  );

test('any table reads as an independent CSV parser reads it, however its bytes come', () => {
  fc.assert(
    fc.property(table, ({ rows, width, format, newline, bom, last, quoteAll, pieceBytes }) => {
      const separator = SEPARATOR[format];
      const header = Array.from({ length: width }, (_, i) => `column ${i}`);
      const write = (text: string) => {
        const needed = quoteAll || /["\n\r]/.test(text) || text.includes(separator);
        return needed || (width === 1 && text === '') ? `"${text.replaceAll('"', '""')}"` : text;
      };
      const lines = [header, ...rows].map((row) => row.map(write).join(separator));
      const text = (bom ? '\uFEFF' : '') + lines.join(newline) + (last ? newline : '');
      const oracle = parse(text, {
        delimiter: separator,
        bom: true,
        record_delimiter: ['\r\n', '\n'],
      }) as string[][];
      const read = readAll(format as TableFormat, text, pieceBytes);
      assert.deepEqual([read.columns, ...read.rows], oracle);
      assert.deepEqual(read.rows, rows);
    }),
    { numRuns: 150 },
  );
});

test('any JSON objects read as the texts of their values', () => {
  const value = fc.oneof(fc.jsonValue(), fc.string({ unit: 'grapheme' }));
  const rows = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 100 });
  const spaces = fc.constantFrom(0, 1);
  fc.assert(
    fc.property(rows, fc.array(fc.boolean()), spaces, (values, swaps, indent) => {
      const space = (text: string) => (indent ? text.replace(/\n\s*/g, ' ') : text);
      const lines = values.map(([a, b], i) =>
        space(JSON.stringify(swaps[i] && i > 0 ? { b, 'a "': a } : { 'a "': a, b }, null, indent)),
      );
      const asCell = (one: unknown) =>
        one === null ? '' : typeof one === 'string' ? one : JSON.stringify(one);
      const read = readAll('jsonl', `${lines.join('\n')}\n`, 50);
      assert.deepEqual(read.columns, ['a "', 'b']);
      assert.deepEqual(
        read.rows,
        values.map((row) => row.map(asCell)),
      );
    }),
    { numRuns: 150 },
  );
});

test('numbers of a JSON table keep the digits they were written with', () => {
  const line =
    '{"a": 1.50, "b": 9007199254740993, "c": -1E-7, "d": {"x": [1.0, "a b"]}, "e": true}';
  const { rows } = readAll('jsonl', line);
  assert.deepEqual(rows, [['1.50', '9007199254740993', '-1E-7', '{"x":[1.0,"a b"]}', 'true']]);
});

test('a quote that does not begin a cell is an ordinary character', () => {
  assert.deepEqual(readAll('csv', 'a,b\n5" disk, "x"\n').rows, [['5" disk', ' "x"']]);
});

test('plain lines keep spaces, quotes and blank lines between others', () => {
  const { columns, rows } = readAll('lines', ' a"b,|\t\r\n\nlast\n\n\r\n');
  assert.deepEqual(columns, ['line']);
  assert.deepEqual(rows, [[' a"b,|\t'], [''], ['last']]);
});

test('rows are found from any place of a long table', () => {
  const count = 10_000;
  const lines = Array.from({ length: count }, (_, i) => `${i}|"${'x'.repeat(i % 90)}\n"`);
  const reader = open('bar', `n|text\n${lines.join('\n')}`);
  for (const from of [0, 63, 64, 5000, count - 1]) {
    const rows = reader.rows(from, 130);
    assert.equal(rows.length, Math.min(130, count - from));
    for (const [i, row] of rows.entries()) {
      assert.deepEqual(row, [String(from + i), `${'x'.repeat((from + i) % 90)}\n`]);
    }
  }
  for (const outside of [-1, count, 0.5, Number.NaN]) {
    assert.throws(() => reader.row(outside), { code: 'ROW_OUT_OF_RANGE' });
  }
  reader.close();
  reader.close();
});

test('a table that was changed after it was indexed is not read', async () => {
  writeFileSync(path, 'a\n1\n2\n');
  const index = await scanTable(path, 'bar');
  appendFileSync(path, '3\n');
  assert.throws(() => TableReader.open(path, index), { code: 'TABLE_CHANGED' });
  await assert.rejects(scanTable(join(folder, 'none'), 'bar', 'none.bar'), {
    code: 'TABLE_UNREADABLE',
    message: 'none.bar: cannot be read: no such file or directory',
  });
});

test('an index with any byte changed or missing is refused', async () => {
  writeFileSync(path, 'a\n1\n2\n');
  const bytes = encodeIndex(await scanTable(path, 'bar'));
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] = damaged[at]! ^ 0x10;
    assert.throws(() => decodeIndex(damaged), { code: 'TABLE_INDEX_DAMAGED' }, `byte ${at}`);
    assert.throws(() => decodeIndex(bytes.subarray(0, at)), { code: 'TABLE_INDEX_DAMAGED' });
  }
});
