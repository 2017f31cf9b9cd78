import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { splitParallelWords } from './parallel-words.ts';
import { planFromArguments, type SweepArguments } from './sweep-arguments.ts';

const cwd = mkdtempSync(join(tmpdir(), 'windrow-arguments-'));
after(() => rmSync(cwd, { recursive: true }));
writeFileSync(join(cwd, 'grid.bar'), 'a|b\n1|2\n');
writeFileSync(join(cwd, 'prog'), '#!/bin/sh\n', { mode: 0o755 });

function plan(words: string[], options: Partial<SweepArguments> = {}) {
  const args = { ...splitParallelWords(words), ...options };
  return planFromArguments(args, { cwd, platform: 'linux-x64', searchPath: '' });
}

test('one word is a shell command, several are executed as they are', async () => {
  assert.deepEqual((await plan(['echo a | wc'])).spec.command, {
    kind: 'shell',
    template: 'echo a | wc',
  });
  assert.deepEqual((await plan(['echo', 'a | wc'])).spec.command, {
    kind: 'argv',
    template: ['echo', 'a | wc'],
  });
});

test('axes make a product in the order of the options', async () => {
  const { spec, tables, columns } = await plan(['echo $n $a $b $x $line'], {
    axes: [
      { kind: 'range', text: 'n=1..3..0.5' },
      { kind: 'parameters', file: 'grid.bar' },
      { kind: 'set', text: 'x=1,"a,""b",' },
      { kind: 'each-line', file: '-' },
    ],
  });
  assert.deepEqual(spec.axes, [
    { kind: 'range', column: 'n', from: '1', to: '3', step: '0.5' },
    { kind: 'file', table: 'local:0' },
    { kind: 'values', columns: ['x'], rows: [['1'], ['a,"b'], ['']] },
    { kind: 'file', table: 'local:1' },
  ]);
  assert.deepEqual(tables, [
    { path: join(cwd, 'grid.bar'), file: 'grid.bar', format: 'bar' },
    { path: '-', file: 'standard input', format: 'lines' },
  ]);
  assert.deepEqual(columns, ['n', 'a', 'b', 'x', 'line']);
});

test('a table on standard input leaves its columns open', async () => {
  const axes = [{ kind: 'parameters', file: '-', format: 'csv' }] as const;
  const { columns, tables } = await plan(['echo $anything'], { axes });
  assert.equal(columns, null);
  assert.deepEqual(tables, [{ path: '-', file: 'standard input', format: 'csv' }]);
});

test('words in the manner of GNU parallel make a sweep', async () => {
  const { spec, warnings } = await plan(['gzip', '-k', '{}', ':::', 'a.txt', 'b c.txt']);
  assert.deepEqual(spec.command, { kind: 'argv', template: ['gzip', '-k', '${line}'] });
  assert.deepEqual(spec.axes, [
    { kind: 'values', columns: ['line'], rows: [['a.txt'], ['b c.txt']] },
  ]);
  assert.equal(spec.name, 'gzip');
  assert.deepEqual(warnings, []);
});

test('attempts run where the user is, unless results or inputs are files', async () => {
  const here = await plan(['./prog', 'x']);
  assert.deepEqual(here.spec.directory, { kind: 'submit', path: cwd });
  assert.deepEqual(here.spec.programs, []);
  assert.equal(here.spec.references[0]?.path, './prog');
  assert.deepEqual(here.spec.results, [
    { name: 'stdout', from: { kind: 'stdout' }, required: false },
  ]);
  const files = await plan(['./prog', 'x'], { results: ['field=out.dat'] });
  assert.deepEqual(files.spec.directory, { kind: 'scratch' });
  assert.equal(files.spec.programName, 'prog');
  const given = await plan(['cat', 'grid'], { inputs: ['grid=grid.bar'] });
  assert.deepEqual(given.spec.directory, { kind: 'scratch' });
  const read = await plan(['cat'], { inputs: ['stdin=grid.bar'] });
  assert.equal(read.spec.directory.kind, 'submit');
  const forced = await plan(['./prog'], { results: ['field=out.dat'], directory: 'submit' });
  assert.equal(forced.spec.directory.kind, 'submit');
});

test('what cannot be is refused by the name of its option', async () => {
  await assert.rejects(plan([]), { code: 'TEMPLATE_EMPTY_COMMAND' });
  const set = { axes: [{ kind: 'set', text: 'x="a' }] } as const;
  await assert.rejects(plan(['echo $x'], set), { message: /^--set: found .*each quote closed/ });
  const range = { axes: [{ kind: 'range', text: '1..3' }] } as const;
  await assert.rejects(plan(['echo'], range), { message: /^--range: found "1..3", expected NAME/ });
  const twice = { kind: 'each-line', file: '-' } as const;
  await assert.rejects(plan(['echo {}'], { axes: [twice, twice] }), {
    code: 'SWEEP_STDIN_TWICE',
  });
  await assert.rejects(plan(['echo $x']), {
    message: 'command: the placeholder $x names no column',
  });
  await assert.rejects(plan(['echo'], { timeout: '10' }), { message: /^--timeout: found "10"/ });
});
