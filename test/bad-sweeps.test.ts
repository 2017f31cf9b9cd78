import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SweepField } from './field/sweep-field.ts';

interface Case {
  readonly what: string;
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** Files that may be executed. */
  readonly programs?: Readonly<Record<string, string | Buffer>>;
  /** Words after `run`. */
  readonly argv: readonly string[];
  /** What the message must name. */
  readonly says: readonly RegExp[];
}

const mark = 'echo $a >> "$$HOME/ran"';
const table = (name: string): string[] => ['--parameters', name, '--', mark];
const toml = (more: string, command = mark): string =>
  `name = "bad"\ncommand = ${JSON.stringify(command)}\noutput = "out"\nparameters = "good.csv"\n${more}\n`;

const CASES: readonly Case[] = [
  {
    what: 'a row with too few cells',
    files: { 't.csv': 'a,b\n1,2\n3\n' },
    argv: table('t.csv'),
    says: [/t\.csv/, /line 3|:3/, /1/, /2/],
  },
  {
    what: 'a row with too many cells in the native form',
    files: { 't.txt': 'a|b\n1|2\n3|4|5\n' },
    argv: table('t.txt'),
    says: [/t\.txt/, /line 3|:3/],
  },
  {
    what: 'a column twice',
    files: { 't.csv': 'a,b,a\n1,2,3\n' },
    argv: table('t.csv'),
    says: [/t\.csv/, /line 1|:1/, /\ba\b/],
  },
  {
    what: 'a column without a name',
    files: { 't.csv': 'a,,c\n1,2,3\n' },
    argv: table('t.csv'),
    says: [/t\.csv/, /line 1|:1/, /empty|name/],
  },
  {
    what: 'a placeholder that names no column',
    files: { 't.csv': 'a\n1\n' },
    argv: ['--parameters', 't.csv', '--', 'echo $alpha'],
    says: [/alpha/, /column/],
  },
  {
    what: 'a placeholder that names no column, in a sweep file',
    files: { 's.toml': toml('', 'echo $alpha') },
    argv: ['s.toml'],
    says: [/s\.toml/, /line 2|:2/, /alpha/],
  },
  {
    what: 'invalid UTF-8',
    files: { 't.csv': Buffer.from('a\n1\n\xff\n', 'latin1') },
    argv: table('t.csv'),
    says: [/t\.csv/, /line 3|:3/, /UTF-8/],
  },
  {
    what: 'a NUL byte',
    files: { 't.csv': 'a\n1\n2\0\n' },
    argv: table('t.csv'),
    says: [/t\.csv/, /line 3|:3/, /NUL/],
  },
  { what: 'an empty table', files: { 't.csv': '' }, argv: table('t.csv'), says: [/t\.csv/] },
  {
    what: 'a table of a header only',
    files: { 't.csv': 'a\n' },
    argv: table('t.csv'),
    says: [/t\.csv/, /row/],
  },
  {
    what: 'a table of broken JSON',
    files: { 't.jsonl': '{"a":1}\n{"a":\n' },
    argv: table('t.jsonl'),
    says: [/t\.jsonl/, /line 2|:2/],
  },
  {
    what: 'a cell of ten megabytes',
    files: { 't.jsonl': `{"a":"1"}\n{"a":"${'x'.repeat(10_000_000)}"}\n` },
    argv: table('t.jsonl'),
    says: [/t\.jsonl/, /line 2|:2/, /\d+ bytes/],
  },
  { what: 'a missing table', argv: table('none.csv'), says: [/none\.csv/] },
  {
    what: 'a program that is not there',
    argv: ['--range', 'a=1..2', '--', './none', '$a'],
    says: [/none/],
  },
  {
    what: 'a program without its execute bit',
    files: { prog: '#!/bin/sh\n' },
    argv: ['--range', 'a=1..2', '--', './prog', '$a'],
    says: [/prog/, /execut/, /chmod/],
  },
  {
    what: 'a program of another platform',
    programs: { prog: elf(0xf3) },
    argv: ['--range', 'a=1..2', '--', './prog', '$a'],
    says: [/prog/, /linux|platform|machine/i],
  },
  {
    what: 'a result that leaves the output directory',
    argv: ['--range', 'a=1..2', '--result', '../up=stdout', '--', mark],
    says: [/\.\.\/up/],
  },
  {
    what: 'a result that is taken from outside of the scratch directory',
    argv: ['--range', 'a=1..2', '--result', 'x=../../etc/passwd', '--', mark],
    says: [/etc\/passwd/],
  },
  {
    what: 'a table that would have a column twice',
    argv: ['--range', 'a=1..2', '--result', 'a=stdout', '--collect', 'table', '--', mark],
    says: [/column a would be there twice/],
  },
  {
    what: 'a result whose file has another meaning in the output directory',
    argv: ['--range', 'a=1..2', '--result', 'quarantine=stdout', '--', mark],
    says: [/quarantine/],
  },
  {
    what: 'an input that leaves the scratch directory',
    files: { f: 'x' },
    argv: ['--range', 'a=1..2', '--input', '../f=f', '--', mark],
    says: [/\.\.\/f/],
  },
  {
    what: 'a sweep file that is not TOML',
    files: { 's.toml': 'name = "x"\ncommand = \n' },
    argv: ['s.toml'],
    says: [/s\.toml/, /line 2|:2/],
  },
  {
    what: 'a key that does not exist',
    files: { 's.toml': toml('retrys = 2') },
    argv: ['s.toml'],
    says: [/s\.toml/, /line 5|:5/, /retrys/, /Did you mean "retry"/],
  },
  {
    what: 'an output directory that is a file',
    files: { taken: 'x' },
    argv: ['--range', 'a=1..2', '--output', 'taken', '--', mark],
    says: [/taken/],
  },
  { what: 'an unknown option', argv: ['--slotz', '2', '--', mark], says: [/--slotz/] },
];

/** The head of a program for the machine of this ELF number, 64 bits. */
function elf(machine: number): Buffer {
  const head = Buffer.alloc(4096);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(machine, 18);
  head.writeUInt32LE(1, 20);
  return head;
}

describe('a sweep that is wrong', () => {
  let field: SweepField;
  before(() => {
    field = new SweepField();
    field.write('good.csv', 'a\n1\n');
  });
  after(() => field.remove());

  for (const { what, files = {}, programs = {}, argv, says } of CASES) {
    it(`is refused before anything runs: ${what}`, async () => {
      for (const [name, content] of Object.entries(files)) field.write(name, content);
      for (const [name, content] of Object.entries(programs)) field.write(name, content, 0o755);
      const { stderr } = await field.must(2, 'run', ...argv);
      for (const pattern of says) assert.match(stderr, pattern);
      assert.match(stderr, /code: [A-Z_]+/);
      assert.equal(field.has('home/ran'), false);
      await field.isQuiet();
    });
  }
});

describe('a value of a row', () => {
  const VALUES = [
    '$(touch "$HOME/broken")',
    '`touch $HOME/broken`',
    '; touch $HOME/broken #',
    `' ; touch $HOME/broken ; '`,
    '" ; touch $HOME/broken ; "',
    '\n touch $HOME/broken \n;',
    '-n',
    '| touch $HOME/broken',
    '$HOME',
    '*',
    '\\',
    "'\"'\"'$(touch $HOME/broken)'",
  ];

  it('stays one word in every kind of quotes, whatever it contains', async () => {
    const field = new SweepField();
    try {
      field.write('t.jsonl', VALUES.map((v) => `${JSON.stringify({ v })}\n`).join(''));
      const command = `printf '%s\\0' $v "$v" '$v' "<$v>" x$v "$(printf %s $v)."`;
      const out = ['--output', 'out', '--parameters', 't.jsonl', '--slots', '2', '--quiet'];
      await field.must(0, 'run', ...out, '--', command);
      const printed = field.read('out/stdout').split('\0').slice(0, -1);
      const wanted = VALUES.flatMap((v) => [v, v, v, `<${v}>`, `x${v}`, `${v}.`]);
      assert.deepEqual(printed, wanted);
      assert.equal(field.has('home/broken'), false);
      await field.isQuiet();
    } finally {
      field.remove();
    }
  });
});
