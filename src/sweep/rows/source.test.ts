import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Axis } from '#model';
import { splitRange } from './range.ts';
import { openRows, type RowSource } from './source.ts';

function noTable(): RowSource {
  throw new Error('no table was expected');
}

function range(text: string): string[] {
  const [from, to, step] = text.split('..') as [string, string, string?];
  const down = Number(to) < Number(from);
  const axis: Axis = { kind: 'range', column: 'a', from, to, step: step ?? (down ? '-1' : '1') };
  const rows = openRows([axis], noTable);
  return rows.rows(0, rows.count).map(([cell]) => cell!);
}

test('a range is printed in exact decimals without trailing zeros', () => {
  assert.deepEqual(range('0.1..0.5..0.1'), ['0.1', '0.2', '0.3', '0.4', '0.5']);
  assert.deepEqual(range('1..10..3'), ['1', '4', '7', '10']);
  assert.deepEqual(range('3..1'), ['3', '2', '1']);
  assert.deepEqual(range('1..-1..-0.5'), ['1', '0.5', '0', '-0.5', '-1']);
  assert.deepEqual(range('-0.5..0.5..0.25'), ['-0.5', '-0.25', '0', '0.25', '0.5']);
  assert.deepEqual(range('1.50..2.50..0.50'), ['1.5', '2', '2.5']);
  assert.deepEqual(range('1e-3..3e-3..1e-3'), ['0.001', '0.002', '0.003']);
  assert.deepEqual(range('007..009'), ['7', '8', '9']);
  assert.deepEqual(range('5..5..-2'), ['5']);
  assert.deepEqual(range('12345678901234567890..12345678901234567894..2'), [
    '12345678901234567890',
    '12345678901234567892',
    '12345678901234567894',
  ]);
});

test('every value of a range is its exact neighbour plus the step', () => {
  const digits = fc.integer({ min: -(10 ** 6), max: 10 ** 6 });
  fc.assert(
    fc.property(digits, fc.nat(500), digits, fc.nat(6), (first, count, step, scale) => {
      fc.pre(step !== 0);
      const text = (n: number) =>
        `${n < 0 ? '-' : ''}${Math.abs(n)}`.replace(/\d+/, (all) => {
          const padded = all.padStart(scale + 1, '0');
          return scale === 0 ? all : `${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
        });
      const values = range(`${text(first)}..${text(first + count * step)}..${text(step)}`);
      const back = values.map((value) => Math.round(Number(value) * 10 ** scale));
      assert.deepEqual(
        back,
        Array.from({ length: count + 1 }, (_, i) => first + i * step),
      );
      assert.ok(
        values.every((value) => /^-?\d+(\.\d*[1-9])?$/.test(value)),
        values.join(' '),
      );
    }),
  );
});

test('a range that is no range is refused with what was expected', () => {
  assert.throws(() => range('1..x'), {
    code: 'RANGE_BAD_NUMBER',
    message: /"x", expected a decimal/,
  });
  assert.throws(() => range('1..2..0'), { code: 'RANGE_BAD_NUMBER', message: /other than 0/ });
  assert.throws(() => range('1..10..-1'), { code: 'RANGE_EMPTY' });
  assert.throws(() => range('10..1..1'), { code: 'RANGE_EMPTY' });
  assert.throws(() => range('1..1e90'), { code: 'RANGE_BAD_NUMBER', message: /at most 60 digits/ });
  assert.throws(() => range('..3'), { code: 'RANGE_BAD_NUMBER' });
  assert.throws(() => splitRange('a', '7'), { code: 'RANGE_BAD_NUMBER', message: /FROM..TO/ });
  assert.throws(() => splitRange('a', '1..2..3..4'), { code: 'RANGE_BAD_NUMBER' });
});

test('the product of axes runs through the first axis slowest', () => {
  const table: RowSource = openRows(
    [
      {
        kind: 'values',
        columns: ['x', 'y'],
        rows: [
          ['1', 'a'],
          ['2', 'b'],
        ],
      },
    ],
    noTable,
  );
  const axes: Axis[] = [
    { kind: 'range', column: 'n', from: '1', to: '2', step: '1' },
    { kind: 'file', table: 'local:0' },
    { kind: 'values', columns: ['z'], rows: [['p'], ['q']] },
  ];
  const rows = openRows(axes, (id) => {
    assert.equal(id, 'local:0');
    return table;
  });
  assert.deepEqual(rows.columns, ['n', 'x', 'y', 'z']);
  assert.equal(rows.count, 8);
  assert.deepEqual(
    rows.rows(0, 100).map((row) => row.join('')),
    ['11ap', '11aq', '12bp', '12bq', '21ap', '21aq', '22bp', '22bq'],
  );
  assert.deepEqual(rows.row(5), ['2', '1', 'a', 'q']);
  assert.deepEqual(rows.rows(7, 5), [['2', '2', 'b', 'q']]);
  assert.throws(() => rows.row(8), { code: 'ROW_OUT_OF_RANGE' });
});

test('no axis is one row without columns', () => {
  const rows = openRows([], noTable);
  assert.deepEqual([rows.columns, rows.count, rows.row(0)], [[], 1, []]);
});

test('two billion rows cost nothing, more are refused', () => {
  const axis = (column: string, to: string): Axis => {
    return { kind: 'range', column, from: '1', to, step: '1' };
  };
  const rows = openRows([axis('a', '32768'), axis('b', '65536')], noTable);
  assert.equal(rows.count, 2 ** 31);
  assert.deepEqual(rows.row(2 ** 31 - 1), ['32768', '65536']);
  for (const axes of [[axis('a', '32769'), axis('b', '65536')], [axis('a', '1e30')]]) {
    assert.throws(() => openRows(axes, noTable), { code: 'ROWS_TOO_MANY' });
  }
});

test('axes that share a column, or rows of the wrong width, are refused', () => {
  const x: Axis = { kind: 'values', columns: ['x'], rows: [['1']] };
  assert.throws(() => openRows([x, x], noTable), { code: 'ROWS_DUPLICATE_COLUMN', message: /"x"/ });
  for (const column of ['', ' ', 'a\n', 'x'.repeat(300)]) {
    assert.throws(() => openRows([{ ...x, columns: [column] }], noTable), {
      code: 'ROWS_BAD_COLUMN',
    });
  }
  for (const rows of [[], [['1', '2']], [['a\0']]]) {
    assert.throws(() => openRows([{ ...x, rows }], noTable), { code: 'ROWS_BAD_VALUES' });
  }
});
