import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { amountBytes } from './amounts.ts';
import { Columns } from './columns.ts';
import { testOf } from './conditions.ts';
import { JOB_MARK, MacroFault, type Scope, withMachineMarks, withoutSelf } from './macro-scope.ts';
import { expandMacros } from './macros.ts';
import { formatNumber } from './number-format.ts';
import { parseQueue, splitRow } from './queue-words.ts';
import { splitVariables, splitWords } from './quoting.ts';
import { readSubmit, type SubmitWorld } from './read-submit.ts';
import { seededRandom } from './seeded-random.ts';
import { readStatements } from './statements.ts';

function scope(settings: Record<string, string>, variables: Record<string, string> = {}): Scope {
  return {
    settings: new Map(Object.entries(settings)),
    variables: new Map(Object.entries(variables)),
    environment: { HOME: '/home/ada' },
    random: () => 0.5,
  };
}

const expand = (text: string, settings: Record<string, string> = {}) =>
  expandMacros(text, scope(settings, { process: '7' }));

test('macros are expanded as the manual of HTCondor has them', () => {
  const cases: readonly [text: string, expected: string, settings?: Record<string, string>][] = [
    ['$(Process) $(PROCESS)', '7 7'],
    ['$(x)-$(x:1)-$(x:$(Process))', '-1-7'],
    ['$(a)', 'deep', { a: '$(b)', b: 'deep' }],
    ['$($(which)_file)', 'f.txt', { which: 'left', left_file: 'f.txt' }],
    ['$(DOLLAR)(x) 5$ $ $(1 2)', '$(x) 5$ $ $(1 2)'],
    ['$$(Memory) $$(Arch:x)', '$$(Memory) $$(Arch:x)'],
    ['$ENV(HOME) $ENV(NOT_THERE:none)', '/home/ada none'],
    ['$INT(x) $INT(x,%04d) $INT(2 * 3)', '12 0012 6', { x: '12' }],
    ['$REAL(x) $REAL(x,%.3f)', '2.5 2.500', { x: '2.5' }],
    ['$SUBSTR(w,1) $SUBSTR(w,-2) $SUBSTR(w,1,-1) $SUBSTR(w,0,2)', 'bcd cd bc ab', { w: 'abcd' }],
    ['$RANDOM_CHOICE(a,b,c) $RANDOM_INTEGER(1,9,2)', 'b 5'],
    ['$CHOICE(2,a,b,c) $CHOICE(n,list)', 'c y', { n: '1', list: 'x y z' }],
    ['$BASENAME(p) $BASENAME(p,.gz) $DIRNAME(p)', 'c.tar.gz c.tar /a/b', { p: '/a/b/c.tar.gz' }],
    [
      '$Fp(p) $Fd(p) $Fdb(p) $Fn(p) $Fx(p) $Fxb(p) $Fnx(p)',
      '/a/b/ b/ b c.tar .gz gz c.tar.gz',
      { p: '/a/b/c.tar.gz' },
    ],
    ['$Fq(p) $Fqa(p)', '"x y" \'x y\'', { p: 'x y' }],
    ['$STRING(s) $EVAL(1 + 1)', 'text 2', { s: '"text"' }],
    ['$UNKNOWN(x)', '$UNKNOWN(x)'],
  ];
  for (const [text, expected, settings] of cases)
    assert.equal(
      withMachineMarks(expand(text, settings), (body) => `$$(${body})`),
      expected,
      text,
    );
});

test('macros without an end are a fault, and cost little', () => {
  assert.throws(() => expand('$(a)', { a: '$(b)', b: '$(a)' }), MacroFault);
  const doubling = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`m${n}`, `$(m${n + 1})$(m${n + 1})`]),
  );
  assert.throws(() => expand('$(m0)', { ...doubling, m40: 'x' }), MacroFault);
  const wide = { a: '$(b)'.repeat(5000), b: 'y'.repeat(10_000) };
  assert.throws(() => expand('$(a)', wide), MacroFault);
  for (const bad of [
    '$ENV(NOT_THERE)',
    '$INT(word)',
    '$CHOICE(9,a,b)',
    '$RANDOM_INTEGER(5,1)',
    '$INT(1,%q)',
  ]) {
    assert.throws(() => expand(bad), MacroFault, bad);
  }
});

test('a setting that names itself means its value before', () => {
  assert.equal(withoutSelf('X', '$(x) more', 'old'), 'old more');
  assert.equal(withoutSelf('X', '$(X:none) more', undefined), 'none more');
  assert.equal(withoutSelf('X', '$(XY)', 'old'), '$(XY)');
});

test('numbers are printed as C prints them', () => {
  const cases: readonly [string, number, string][] = [
    ['%d', 12, '12'],
    ['%5d|', 12, '   12|'],
    ['%-5d|', 12, '12   |'],
    ['%05d', -12, '-0012'],
    ['%+d', 3, '+3'],
    ['%x', 255, 'ff'],
    ['%X', 255, 'FF'],
    ['%o', 8, '10'],
    ['%.2f', 1.23456, '1.23'],
    ['%e', 12345, '1.234500e+04'],
    ['%g', 0.0001, '0.0001'],
    ['%g', 1e-5, '1e-05'],
    ['%G', 1e20, '1E+20'],
    ['100%% %d', 1, '100% 1'],
  ];
  for (const [format, value, expected] of cases)
    assert.equal(formatNumber(format, value), expected, format);
  for (const bad of ['%', '%d %d', '%n', 'plain', '%999d'])
    assert.equal(formatNumber(bad, 1), null, bad);
});

test('the words of queue say how many, of what', () => {
  const parse = (words: string) => {
    const found = parseQueue(words);
    return 'problem' in found
      ? found.problem
      : [found.count, found.names.join(','), found.selection, found.rest];
  };
  assert.deepEqual(parse(''), [1, '', null, '']);
  assert.deepEqual(parse('10'), [10, '', null, '']);
  assert.deepEqual(parse('2 * (3 + 1)'), [8, '', null, '']);
  assert.deepEqual(parse('0'), [0, '', null, '']);
  assert.deepEqual(parse('in a b'), [1, 'Item', 'in', 'a b']);
  assert.deepEqual(parse('3 name in a, b'), [3, 'name', 'in', 'a, b']);
  assert.deepEqual(parse('a,b from f.txt'), [1, 'a,b', 'from', 'f.txt']);
  assert.deepEqual(parse('2 a, b, c from f.txt'), [2, 'a,b,c', 'from', 'f.txt']);
  assert.deepEqual(parse('a b FROM table f.txt'), [1, 'a,b', 'table', 'f.txt']);
  assert.deepEqual(parse('f matching files *.dat x?'), [1, 'f', 'files', '*.dat x?']);
  assert.deepEqual(parse('matching *.dat'), [1, 'Item', 'any', '*.dat']);
  assert.match(String(parse('many')), /whole number/);
  assert.match(String(parse('1.5')), /whole number/);
  assert.match(String(parse('-1')), /whole number/);
  assert.match(String(parse('a,a from f')), /twice/);
  assert.match(String(parse('a,b in x y')), /one variable/);
});

test('a row is split for its variables, the last of which takes the rest', () => {
  assert.deepEqual(splitRow('a, b c, d', 3), ['a', 'b', 'c, d']);
  assert.deepEqual(splitRow('a', 3), ['a', '', '']);
  assert.deepEqual(splitRow('  one  two  ', 1), ['one  two']);
  assert.deepEqual(splitRow('a b\x1fc, d', 2), ['a b', 'c, d']);
  assert.deepEqual(splitRow('a\tb', 2), ['a', 'b']);
});

test('tests of if are those of the manual, and nothing else', () => {
  const holds = (text: string) => testOf(text, (name) => name === 'x');
  for (const text of [
    'true',
    'YES',
    '1',
    '2.5',
    'defined x',
    '! defined y',
    'version >= 8.1',
    '!!true',
  ]) {
    assert.equal(holds(text), true, text);
  }
  for (const text of [
    '',
    'false',
    'No',
    '0',
    'defined y',
    '!defined x',
    'version < 8',
    'version == 8.9',
  ]) {
    assert.equal(holds(text), false, text);
  }
  for (const text of ['a == b', 'x && y', 'version', 'hello'])
    assert.equal(typeof holds(text), 'object', text);
});

test('sizes have suffixes that are powers of 1024, and a unit of their own without one', () => {
  const mib = 2 ** 20;
  assert.equal(amountBytes('512', mib), 512 * mib);
  assert.equal(amountBytes('2GB', mib), 2048 * mib);
  assert.equal(amountBytes('1.5 G', mib), 1536 * mib);
  assert.equal(amountBytes('100 K', mib), 102_400);
  assert.equal(amountBytes('1 + 1', mib), 2 * mib);
  assert.equal(amountBytes('lots', mib), null);
  assert.equal(amountBytes('-5', mib), null);
});

test('words in new quotes are what was quoted, whatever it was', () => {
  const quote = (word: string) => `'${word.replaceAll("'", "''")}'`.replaceAll('"', '""');
  const word = fc.string({ unit: fc.constantFrom('a', ' ', "'", '"', '\\', '$', '\t', 'é') });
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const text = `"${words.map(quote).join(' ')}"`;
      assert.deepEqual(splitWords(text), { value: words });
      const named = words.map((one, index) => `V${index}=${one}`);
      const variables = splitVariables(`"${named.map(quote).join(' ')}"`);
      assert.deepEqual(variables, {
        value: Object.fromEntries(words.map((one, i) => [`V${i}`, one])),
      });
    }),
  );
});

test('templates and columns give back the texts that they were made of', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '$', '{', '1', '.', JOB_MARK),
    maxLength: 6,
  });
  const rows = fc.array(fc.record({ item: text, first: text, second: text }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(rows, (procs) => {
      const columns = new Columns(procs.map(({ item }) => new Map([['Item', item]])));
      for (const key of ['first', 'second'] as const) {
        const texts = procs.map((proc) => proc[key]);
        let template: string;
        try {
          template = columns.template(key, texts);
        } catch {
          // The job's number stands in some of them only.
          assert.ok(new Set(texts.map((one) => one.split(JOB_MARK).length)).size > 1);
          continue;
        }
        const { names } = columns;
        columns.rows().forEach((cells, row) => {
          const made = template.replace(/\$(?:\$|\{([^}]*)\})/g, (whole, name?: string) => {
            if (whole === '$$') return '$';
            return name === ':job' ? JOB_MARK : cells[names.indexOf(name!)]!;
          });
          assert.equal(made, texts[row]);
        });
      }
    }),
  );
});

const NOWHERE: SubmitWorld = {
  environment: {},
  random: () => 0.5,
  automatic: {},
  readText: async () => 'a b\nc d\n',
  runCommand: async () => 'x = 1\n',
  glob: async () => ['f'],
};

test('no text stops the reader: each is read, or refused with a place', async () => {
  const piece = fc.constantFrom(
    ...[
      'executable',
      '=',
      'a',
      '+B',
      'queue',
      '3',
      'in',
      'from',
      'matching',
      'files',
      '(',
      ')',
      '\n',
      ' ',
    ],
    ...[
      'if',
      'defined',
      'else',
      'elif',
      'endif',
      'include',
      ':',
      '|',
      '$(a)',
      '$(',
      '$INT(a)',
      '\\',
      '#',
      '@=',
    ],
    ...[
      '[1:2]',
      '"',
      "'",
      ',',
      'é',
      '\t',
      'use',
      'my.x',
      '=',
      '\n',
      '$ENV(x)',
      '1e9',
      '\x1f',
      '\0',
    ],
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 60 }), async (pieces) => {
      const read = await readSubmit(pieces.join(''), 'fuzz.sub', NOWHERE);
      for (const problem of read.problems) assert.match(problem.message, /fuzz\.sub|:\d+: /);
      assert.ok(read.blocks.length > 0 || read.problems.length > 0);
    }),
    { numRuns: 2000 },
  );
});

test('an include of itself ends', async () => {
  const world = { ...NOWHERE, readText: async () => 'include : again\n' };
  const { problems } = await readSubmit('include : again\nqueue\n', 'loop.sub', world);
  assert.equal(problems.length, 1);
  assert.match(problems[0]!.message, /include/);
});

test('statements keep the lines on which they begin', () => {
  const text = 'a = 1 \\\n  2\n\n# no\nqueue x from (\n1\n)\nb @=end\nx\ny\n@end\n';
  const found = readStatements(text, 'f').map((one) => [one.kind, one.line]);
  assert.deepEqual(found, [
    ['assign', 1],
    ['queue', 5],
    ['assign', 8],
  ]);
});

test('numbers from one seed are the same again, others from another', () => {
  const from = (byte: number) => {
    const random = seededRandom(Buffer.alloc(8, byte));
    return Array.from({ length: 1000 }, random);
  };
  assert.deepEqual(from(1), from(1));
  assert.notDeepEqual(from(1), from(2));
  const mean = from(3).reduce((sum, one) => sum + one, 0) / 1000;
  assert.ok(mean > 0.45 && mean < 0.55, String(mean));
  assert.ok(from(4).every((one) => one >= 0 && one < 1));
});
