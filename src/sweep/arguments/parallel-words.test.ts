import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axesOfSources, splitParallelWords, translateParallel } from './parallel-words.ts';

test('words behind ::: are values, each ::: a factor and each :::+ a partner', () => {
  const words = 'echo {1} {2} {3} ::: a b :::+ 1 2 ::: x'.split(' ');
  const { command, sources } = splitParallelWords(words);
  assert.deepEqual(command, ['echo', '{1}', '{2}', '{3}']);
  assert.deepEqual(axesOfSources(sources), [
    {
      columns: ['line1', 'line2'],
      rows: [
        ['a', '1'],
        ['b', '2'],
      ],
    },
    { columns: ['line3'], rows: [['x']] },
  ]);
  assert.deepEqual(splitParallelWords(['echo']), { command: ['echo'], sources: [] });
  const one = splitParallelWords(['gzip', ':::', 'a', '']).sources;
  assert.deepEqual(axesOfSources(one), [{ columns: ['line'], rows: [['a'], ['']] }]);
});

test('lists that give no rows are refused', () => {
  const split = (text: string) => () => splitParallelWords(text.split(' '));
  assert.throws(split('echo :::'), { code: 'PARALLEL_WORDS', message: /no value after ":::"/ });
  assert.throws(split('echo :::+ 1'), { message: /":::\+" without a list/ });
  assert.throws(split('echo ::: a b :::+ 1'), { message: /1 values after ":::\+", expected 2/ });
  assert.throws(split('echo :::: file'), { todo: /--each-line/ });
});

test('placeholders of GNU parallel become those of templates', () => {
  const argv = (words: string, count: number) =>
    translateParallel({ kind: 'argv', template: words.split(' ') }, count, { append: true })
      .template;
  assert.deepEqual(argv('gzip {} {.} {/} {//} {/.} a{.}b {#}', 1), [
    ...['gzip', '${line}', '${line:noext}', '${line:base}', '${line:dir}', '${line:stem}'],
    ...['a${line:noext}b', '${:row}'],
  ]);
  assert.deepEqual(argv('echo {2} {1.} {2/}', 2), [
    ...['echo', '${line2}', '${line1:noext}', '${line2:base}'],
  ]);
  assert.deepEqual(argv('echo {} x{}', 2), ['echo', '${line1}', '${line2}', 'x${line1} ${line2}']);
  assert.deepEqual(argv('gzip -k', 1), ['gzip', '-k', '${line}']);
  assert.deepEqual(argv('gzip $line', 1), ['gzip', '$line']);
  assert.throws(() => argv('echo {3}', 2), {
    code: 'PARALLEL_WORDS',
    message: /\{3\}.*\{1\} to \{2\}/,
  });
});

test('a shell command is translated as a whole', () => {
  const shell = (template: string) =>
    translateParallel({ kind: 'shell', template }, 1, { append: true }).template;
  assert.equal(shell('gzip -c {} > {.}.gz'), 'gzip -c ${line} > ${line:noext}.gz');
  assert.equal(shell('wc -l'), 'wc -l ${line}');
});
