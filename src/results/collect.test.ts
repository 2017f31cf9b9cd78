import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import type { Collection, ResultSource } from '#model';
import { readBlocks } from './blocks.ts';
import { testPorts } from './children.test.ts';
import { type CollectRequest, type CollectRow, collect } from './collect.ts';
import { checkCollection } from './collection-check.ts';
import { removeStalePartials } from './partial-file.ts';
import type { InlinePart } from './record.ts';
import { SegmentStore } from './segment-store.ts';

let top = '';
let output = '';
let work = '';
let store: SegmentStore;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'windrow-collect-'));
  output = join(top, 'output');
  work = join(top, 'work');
  mkdirSync(work);
  store = SegmentStore.open(join(top, 'segments'), null);
});
afterEach(async () => {
  await store.close();
  assert.deepEqual(readdirSync(work), [], 'files handed over were left behind');
  const hidden = existsSync(output)
    ? readdirSync(output).filter((name) => name.startsWith('.'))
    : [];
  assert.deepEqual(hidden, [], 'partial files were left behind');
  rmSync(top, { recursive: true });
});

const ENERGY: ResultSource = { name: 'energy', from: { kind: 'stdout' }, required: true };
const FIELD: ResultSource = {
  name: 'field',
  from: { kind: 'file', path: 'out.dat' },
  required: false,
};

function result(name: string, content: Buffer | string, file = name): InlinePart {
  return { name, kind: 'result', file, cutBytes: 0, content };
}

/** Rows of one column `x`, stored in the order given. */
async function rowsOf(
  parts: readonly (readonly InlinePart[])[],
  cells: readonly string[][],
): Promise<CollectRow[]> {
  const rows = parts.map((one, task) => {
    const place = store.append({ ticket: task + 1, job: 1, task, parts: one });
    return { task, ticket: task + 1, cells: cells[task] ?? [String(task)], place };
  });
  await store.flush();
  return rows;
}

function request(
  collection: Collection,
  rows: CollectRequest<CollectRow>['rows'],
  change: Partial<CollectRequest<CollectRow>> = {},
): CollectRequest<CollectRow> {
  const reader = store.reader();
  return {
    collection,
    sources: [ENERGY, FIELD],
    columns: ['x'],
    keep: 'packed',
    rows,
    read: ({ place }) => reader.read(place!),
    output,
    random: 'r4nd0m',
    ...change,
  };
}

const file = (name: string) => readFileSync(join(output, name));

test('concat joins every result byte for byte in the order of the rows', async () => {
  const rows = await rowsOf(
    [
      [result('energy', 'a\n'), result('field', Buffer.from([0, 255]))],
      [result('energy', 'b'), { ...result('stderr', 'noise'), kind: 'log' }],
      [result('energy', 'c\n'), result('field', 'x')],
    ],
    [],
  );
  const reversed = [rows[2]!, rows[0]!, rows[1]!];
  const { files, rows: count } = await collect(request({ kind: 'concat' }, reversed));
  assert.deepEqual(files, [join(output, 'energy'), join(output, 'field')]);
  assert.equal(count, 3);
  assert.equal(file('energy').toString(), 'c\na\nb');
  assert.deepEqual(file('field'), Buffer.from([0x78, 0, 255]));
  assert.deepEqual(readdirSync(output), ['energy', 'field']);
});

test('blockwise results of any content and size are read back with their parameters', async () => {
  const sizes = [0, 1, 2 ** 20 - 60, 2 ** 20, 3 * 2 ** 20 + 1, 7, 5 * 2 ** 20];
  const contents = sizes.map((size, i) => Buffer.alloc(size, `#windrow ticket=${i}\n`));
  const rows = await rowsOf(
    contents.map((content) => [result('energy', content, 'stdout')]),
    sizes.map((size) => [`size "${size}"\n`]),
  );
  await collect(request({ kind: 'blockwise' }, rows));
  let task = 0;
  for (const block of readBlocks(join(output, 'energy.blocks'))) {
    const { ticket, parameters } = block;
    assert.deepEqual({ ...parameters, ticket }, { x: `size "${sizes[task]}"\n`, ticket: task + 1 });
    assert.equal(Buffer.concat([...block.pieces()]).equals(contents[task]!), true);
    task++;
  }
  assert.equal(task, sizes.length);
});

test('a CSV table read by a CSV reader gives back every cell', async () => {
  const cell = fc
    .string({ unit: 'grapheme' })
    .map((text) => text.replaceAll('\0', '').toWellFormed());
  const line = cell.map((text) => text.replace(/[\r\n]/g, ' '));
  const table = fc.array(fc.tuple(cell, line, fc.option(line)), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(table, async (given) => {
      const rows = await rowsOf(
        given.map(([, energy, field], i) => {
          const first = result('energy', i % 2 === 0 ? energy : `${energy}\n`);
          return field === null ? [first] : [first, result('field', field)];
        }),
        given.map(([x]) => [x]),
      );
      await collect(request({ kind: 'table', formats: ['csv'] }, rows));
      const read = parse(file('results.csv'), { relaxColumnCount: false });
      const expected = given.map(([x, energy, field]) => [x, energy, field ?? '']);
      assert.deepEqual(read, [['x', 'energy', 'field'], ...expected]);
    }),
    { numRuns: 40 },
  );
});

async function typedTable(cells: readonly (string | null)[]) {
  const rows = await rowsOf(
    cells.map((cell) => (cell === null ? [] : [result('energy', `${cell}\n`)])),
    cells.map((cell) => [cell ?? '']),
  );
  const table: Collection = { kind: 'table', formats: ['csv', 'sqlite', 'parquet'] };
  const { files } = await collect(request(table, rows, { sources: [ENERGY] }));
  assert.equal(files.length, 3);
  const database = new DatabaseSync(join(output, 'results.sqlite'), { readOnly: true });
  const select = database.prepare('SELECT energy FROM results ORDER BY rowid');
  select.setReadBigInts(true);
  const sqlite = select.all().map((row) => row.energy);
  const { type } = database
    .prepare(`SELECT type FROM pragma_table_info('results') WHERE name = 'energy'`)
    .get()!;
  database.close();
  const buffer = await asyncBufferFromFile(join(output, 'results.parquet'));
  const parquet = (await parquetReadObjects({ file: buffer })).map((row) => row.energy ?? null);
  assert.deepEqual(parquet, sqlite);
  return { type, values: sqlite };
}

test('SQLite and Parquet columns get the type that all their cells have, and lose nothing', async () => {
  const cases: [(string | null)[], string, unknown[]][] = [
    [['1', '-2', ' 3', ''], 'INTEGER', [1n, -2n, 3n, null]],
    [['9223372036854775807', null], 'INTEGER', [9223372036854775807n, null]],
    [['9223372036854775808', '1'], 'TEXT', ['9223372036854775808', '1']],
    [['1234567890123456789', '2.5'], 'TEXT', ['1234567890123456789', '2.5']],
    [['2.5', '1234567890123456789'], 'TEXT', ['2.5', '1234567890123456789']],
    [['2.5', '123456789012345'], 'REAL', [2.5, 123456789012345]],
    [['1', '2.5', '-1e-3', '.5', '5.', '+7'], 'REAL', [1, 2.5, -0.001, 0.5, 5, 7]],
    [['007', '1'], 'TEXT', ['007', '1']],
    [['1', 'nan'], 'TEXT', ['1', 'nan']],
    [['1', '1e999'], 'TEXT', ['1', '1e999']],
    [['a', '', null], 'TEXT', ['a', '', null]],
    [['', null], 'TEXT', ['', null]],
    [['0x10', '-', '.', 'e5'], 'TEXT', ['0x10', '-', '.', 'e5']],
  ];
  for (const [cells, type, values] of cases) {
    assert.deepEqual(await typedTable(cells), { type, values }, cells.join());
  }
});

test('a table of many rows fills several row groups and every format has them all', async () => {
  const count = 120_000;
  const cells = Array.from({ length: count }, (_, i) => String(i * 3));
  const { type, values } = await typedTable(cells);
  assert.equal(type, 'INTEGER');
  assert.equal(values.length, count);
  assert.equal(values.at(-1), BigInt((count - 1) * 3));
});

test('a result that is no single line refuses the table, naming the task, and changes nothing', async () => {
  mkdirSync(output);
  writeFileSync(join(output, 'results.csv'), 'before');
  const bad: [Buffer | string, RegExp][] = [
    ['a\nb\n', /energy of task 1 \(ticket \d+\) .* it has 2 lines/],
    [Buffer.from([0xff]), /is not UTF-8/],
    ['a\0b', /NUL/],
    ['x'.repeat(2 ** 20 + 1), /1048577 bytes/],
  ];
  for (const [content, message] of bad) {
    const rows = await rowsOf([[result('energy', 'fine\r\n')], [result('energy', content)]], []);
    const table: Collection = { kind: 'table', formats: ['csv', 'sqlite', 'parquet'] };
    await assert.rejects(collect(request(table, rows)), { code: 'COLLECT_NOT_A_LINE', message });
    assert.deepEqual(readdirSync(output), ['results.csv']);
    assert.equal(file('results.csv').toString(), 'before');
  }
});

function moduleOf(text: string): Collection {
  const path = join(top, 'collect.ts');
  writeFileSync(path, text);
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { kind: 'module', code: { kind: 'module', path, sha256 } };
}

function withModule(text: string, rows: readonly CollectRow[], timeoutMs = 60_000) {
  const userCode = { ports: testPorts(work), timeoutMs, memoryBytes: 0 };
  return collect(request(moduleOf(text), rows, { userCode }));
}

test('a module gets every row in order, and what it returns is joined between begin and end', async () => {
  const parts = Array.from({ length: 500 }, (_, i) => [
    result('energy', `${i}`.repeat(i % 100 ? 1 : 5000)),
  ]);
  const rows = await rowsOf(parts, []);
  const text = `
    let sum = 0;
    export const begin = () => 'begin\\n';
    export default async (parameters: any, results: any) => {
      sum++;
      return parameters.x === '3' ? undefined : parameters.x + ':' + results.energy.length + '\\n';
    };
    export const end = () => new Uint8Array([0x3d, 0x30 + sum / 100]);`;
  await withModule(text, rows);
  const lines = file('collected').toString().split('\n');
  assert.equal(lines[0], 'begin');
  assert.deepEqual(lines.slice(1, 5), ['0:5000', '1:1', '2:1', '4:1']);
  assert.equal(lines.at(-2), '499:3');
  assert.equal(lines.at(-1), '=5');
});

test('a collector that fails names the task and leaves the old output as it was', async () => {
  mkdirSync(output);
  writeFileSync(join(output, 'collected'), 'before');
  const rows = await rowsOf(
    Array.from({ length: 200 }, () => [result('energy', 'x')]),
    [],
  );
  const bad: [string, RegExp][] = [
    [`if (p.x === '150') throw new Error('no');`, /at task 150 \(ticket 151\): it threw Error: no/],
    [`if (p.x === '150') for (;;);`, /at task 150 .*: it gave no answer within 1 s/],
    [`if (p.x === '150') return 7;`, /at task 150 .*: it returned number/],
    [`if (p.x === '150') return 'x'.repeat(9e6);`, /at task 150 .*: it returned 9000000 bytes/],
    [`if (p.x === '150') process.exit(3);`, /exit code 3/],
  ];
  for (const [line, message] of bad) {
    const text = `export default (p: any): any => { ${line} return ''; }`;
    const timeoutMs = line.includes('for (;;)') ? 1000 : 60_000;
    const collecting = withModule(text, rows, timeoutMs);
    await assert.rejects(collecting, { code: 'COLLECT_CODE_FAILED', message });
    assert.deepEqual(readdirSync(output), ['collected']);
    assert.equal(file('collected').toString(), 'before');
  }
  const failing = `export default () => ''; export const begin = () => { throw new Error('b'); };`;
  const where = { code: 'COLLECT_CODE_FAILED', message: /at begin: it threw Error: b/ };
  await assert.rejects(withModule(failing, rows), where);
});

test('keep = "files" gives one folder per task with the names that the program gave', async () => {
  const glob: ResultSource = {
    name: 'runs',
    from: { kind: 'glob', pattern: '**' },
    required: true,
  };
  const hostile = ['../../escaped', '/escaped', 'a//b', '.', '..', ''].map((name) =>
    result('runs', 'h', name),
  );
  const rows = await rowsOf(
    [
      [
        result('runs', 'one', 'a/1.dat'),
        result('runs', 'file where a folder is', 'a'),
        ...hostile,
        { ...result('stderr', 'headtail'), kind: 'log', cutBytes: 12 },
      ],
      [],
    ],
    [],
  );
  await collect(request({ kind: 'none' }, rows, { keep: 'files', sources: [glob] }));
  const again = await collect(request({ kind: 'none' }, rows, { keep: 'files', sources: [glob] }));
  assert.equal(again.rows, 2);
  assert.deepEqual(readdirSync(join(output, 'tasks')).sort(), ['0', '1']);
  assert.equal(file('tasks/0/a/1.dat').toString(), 'one');
  assert.equal(file('tasks/0/runs').toString(), 'file where a folder is');
  assert.equal(file('tasks/0/logs/stderr').toString(), 'head\n[… 12 bytes cut …]\ntail');
  assert.equal(existsSync(join(top, 'escaped')), false);
  assert.equal(readdirSync(join(output, 'tasks', '0')).length, 2 + hostile.length + 1);
});

test('an error while rows come leaves neither a file nor a part of one', async () => {
  const rows = await rowsOf([[result('energy', 'a')]], []);
  async function* failing() {
    yield rows[0]!;
    throw new Error('the table is gone');
  }
  for (const kind of ['concat', 'blockwise'] as const) {
    await assert.rejects(collect(request({ kind }, failing())), /the table is gone/);
    assert.deepEqual(readdirSync(output), []);
  }
});

test('what a killed server left of a collection is removed', async () => {
  mkdirSync(output);
  for (const name of ['.energy.partial-r4nd0m', '.results.csv.partial-0', '.mine', 'x.partial-1']) {
    writeFileSync(join(output, name), '');
  }
  assert.equal(await removeStalePartials(output), 2);
  assert.deepEqual(readdirSync(output), ['.mine', 'x.partial-1']);
  rmSync(join(output, '.mine'));
});

test('an output directory that cannot be written is an error that names it', async () => {
  writeFileSync(output, 'a file');
  const rows = await rowsOf([[result('energy', 'a')]], []);
  const failed = { code: 'COLLECT_WRITE_FAILED', message: new RegExp(output) };
  await assert.rejects(collect(request({ kind: 'concat' }, rows)), failed);
  rmSync(output);
});

test('names that cannot be files, or columns that collide, are refused up front', () => {
  const plan = { columns: ['x'], keep: 'packed', collection: { kind: 'concat' } } as const;
  const named = (name: string) => ({ ...plan, sources: [{ ...ENERGY, name }] });
  const bad = [
    '',
    '.',
    '..',
    '.hidden',
    'a/b',
    'a\nb',
    'Quarantine',
    'tasks',
    'results.csv',
    'x'.repeat(201),
  ];
  for (const name of bad) {
    assert.throws(() => checkCollection(named(name)), { code: 'COLLECT_NAME_UNSAFE' }, name);
  }
  for (const name of ['energy', 'out.dat', 'ü', 'a b', '-rf', 'logs']) checkCollection(named(name));
  const twice = { ...plan, sources: [ENERGY, { ...ENERGY, name: 'Energy' }] };
  assert.throws(() => checkCollection(twice), { code: 'COLLECT_NAME_UNSAFE' });
  assert.throws(() => checkCollection({ ...named('logs'), keep: 'files' }), {
    code: 'COLLECT_NAME_UNSAFE',
  });
  const table = (name: string, formats: readonly ('csv' | 'sqlite')[]) => {
    return { ...named(name), collection: { kind: 'table', formats } as const };
  };
  assert.throws(() => checkCollection(table('x', ['csv'])), { code: 'COLLECT_TABLE_UNFIT' });
  assert.throws(() => checkCollection(table('X', ['sqlite'])), { code: 'COLLECT_TABLE_UNFIT' });
  checkCollection(table('X', ['csv']));
  const glob: ResultSource = { ...ENERGY, from: { kind: 'glob', pattern: '*' } };
  const globbed = { ...table('y', ['csv']), sources: [glob] };
  assert.throws(() => checkCollection(globbed), { code: 'COLLECT_TABLE_UNFIT' });
});
