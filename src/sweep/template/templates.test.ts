import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileCommand } from './command.ts';
import { compileText } from './text.ts';

const columns = ['beta', 'seed', 'file name', 'line', 'a:b'];
const cells = ['0.44', '7', 'x y', 'data/run.1/deck.tar.gz', 'colon'];

function text(template: string, task = 0): string {
  return compileText(template, columns).expand(cells, task);
}

test('placeholders are filled in, other dollars stay', () => {
  assert.equal(text('$beta ${seed}$seed $$beta $$$beta'), '0.44 77 $beta $0.44');
  assert.equal(text('${file name}|${a:b}'), 'x y|colon');
  assert.equal(text('costs 5$ $( $1 $? $-'), 'costs 5$ $( $1 $? $-');
  assert.equal(text('row ${:row}', 41), 'row 42');
  assert.equal(text(''), '');
});

test('path operations are those of GNU parallel', () => {
  const all = '${line:noext} ${line:base} ${line:dir} ${line:stem} ${line:base:noext}';
  assert.equal(text(all), 'data/run.1/deck.tar deck.tar.gz data/run.1 deck.tar deck.tar');
  const one = (value: string) =>
    compileText('${line:noext}|${line:base}|${line:dir}|${line:stem}', ['line']).expand([value], 0);
  assert.equal(one('plain'), 'plain|plain|.|plain');
  assert.equal(one('/a'), '/a|a|/|a');
  assert.equal(one('run.1/x'), 'run.1/x|x|run.1|x');
});

test('a placeholder that names no column is refused with the nearest column', () => {
  const compile = (template: string) => () =>
    compileText(template, columns, { what: '[inputs] "a"', file: 'a.in', line: 1 });
  assert.throws(compile('x\ny $bta'), {
    code: 'TEMPLATE_UNKNOWN_COLUMN',
    message: 'a.in:2 ([inputs] "a"): the placeholder $bta names no column',
    todo: /Did you mean \$beta\?.*write \$\$bta/,
  });
  assert.throws(compile('${HOME}'), { todo: /The columns are beta, seed.*write \$\$\{HOME\}/ });
  assert.throws(compile('${file nam}'), { todo: /Did you mean \$\{file name\}/ });
  assert.throws(compile('${line:bse}'), {
    code: 'TEMPLATE_UNKNOWN_OPERATION',
    todo: /Did you mean :base/,
  });
  assert.throws(compile('${beta:-1}'), { code: 'TEMPLATE_UNKNOWN_OPERATION' });
  assert.throws(compile('$x1 $x2'), { code: 'SWEEP_REFUSED', message: /\$x1[\s\S]*\$x2/ });
});

test('in a shell command ${…} of a column is never mistaken for one of the shell', () => {
  const compile = (template: string) => compileCommand({ kind: 'shell', template }, columns);
  assert.throws(() => compile('echo ${beta%.*}'), {
    code: 'TEMPLATE_UNKNOWN_OPERATION',
    todo: /v=… ; then \$\$\{v%\.\*\}/,
  });
  assert.throws(() => compile('echo ${bta}'), { code: 'TEMPLATE_UNKNOWN_COLUMN' });
  const own = 'echo ${HOME%/*} ${#v} ${1:-x} $? $1 $(date)';
  assert.equal(compile(own).expand(cells, 0).argv[2], own);
});

test('an argv command is filled in word by word, without a shell', () => {
  const template = ['./prog', '--beta=$beta', '$line', 'a b', '$$x', '{print $1}', '${:row}'];
  const command = compileCommand({ kind: 'argv', template }, columns);
  const argv = ['./prog', '--beta=0.44', cells[3]!, 'a b', '$x', '{print $1}', '10'];
  assert.deepEqual(command.expand(cells, 9), { file: './prog', argv });
  assert.deepEqual(command.usedColumns, ['beta', 'line']);
  assert.equal(
    command.commandLine(cells, 9),
    "./prog '--beta=0.44' 'data/run.1/deck.tar.gz' 'a b' '$x' '{print $1}' '10'",
  );
});

test('the command line of the open protocol quotes every value', () => {
  const template = './ising --beta $beta --seed $seed';
  const command = compileCommand({ kind: 'shell', template }, columns);
  assert.equal(command.commandLine(cells, 0), "./ising --beta '0.44' --seed '7'");
});

test('a command of several lines is shown as it was written, with its values', () => {
  const template = 'cat $line |\n  sed "s/x/$beta/"';
  const command = compileCommand({ kind: 'shell', template }, columns);
  const shown = `cat 'data/run.1/deck.tar.gz' |\n  sed "s/x/"'0.44'"/"`;
  assert.equal(command.script(cells, 0), shown);
  assert.ok(!command.commandLine(cells, 0).includes('\n'));
});

test('an argv command means the same on one line of a shell', () => {
  const word = fc.string({ unit: 'binary' }).map((t) => t.replace(/[\0$]/g, '').toWellFormed());
  fc.assert(
    fc.property(fc.array(word), word, (words, value) => {
      const template = ['printf', '%s\\0', ...words, 'x$line'];
      const command = compileCommand({ kind: 'argv', template }, ['line']);
      const line = command.commandLine([value], 0);
      assert.ok(!/[\r\n]/.test(line));
      const { stdout } = spawnSync('/bin/sh', ['-c', line], { stdio: ['ignore', 'pipe', 'pipe'] });
      const { argv } = command.expand([value], 0);
      assert.deepEqual(stdout.toString().split('\0').slice(0, -1), argv.slice(2));
    }),
    { numRuns: 50 },
  );
});

test('a command that cannot be executed is refused', () => {
  const compile = (template: string) => () => compileCommand({ kind: 'shell', template }, columns);
  assert.throws(compile(' \n'), { code: 'TEMPLATE_EMPTY_COMMAND' });
  assert.throws(compile('a\0b'), { code: 'TEMPLATE_BAD_COMMAND' });
  assert.throws(compile('a $beta \0`\0'), { code: 'SWEEP_REFUSED' });
  assert.throws(compile('x'.repeat(2 ** 17)), { code: 'TEMPLATE_BAD_COMMAND' });
  const argv = (template: string[]) => () => compileCommand({ kind: 'argv', template }, columns);
  assert.throws(argv([]), { code: 'TEMPLATE_EMPTY_COMMAND' });
  assert.throws(argv(['', 'x']), { code: 'TEMPLATE_EMPTY_COMMAND' });
});
