import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { compileCommand } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'windrow-direct-'));
const show = join(folder, 'show');
writeFileSync(show, '#!/bin/sh\nprintf "%s\\0" "$@"\n');
chmodSync(show, 0o755);
after(() => rmSync(folder, { recursive: true }));

function direct(template: string, cells: readonly string[] = ['v']) {
  const { expandDirect } = compileCommand({ kind: 'shell', template }, ['x']);
  return expandDirect?.(cells, 0).argv ?? null;
}

test('a command that only starts one program is started without a shell', () => {
  assert.deepEqual(direct('/bin/true'), ['/bin/true']);
  assert.deepEqual(direct('  ./ising\t--beta=$x  --seed $x '), [
    './ising',
    '--beta=v',
    '--seed',
    'v',
  ]);
  assert.deepEqual(direct('gzip -k $x', ["a 'b' $(c)"]), ['gzip', '-k', "a 'b' $(c)"]);
  assert.deepEqual(direct('gzip $x', ['']), ['gzip', '']);
});

test('whatever the shell may understand in its own way is left to it', () => {
  const own = [
    'echo $x',
    'A=1 prog',
    'if true',
    '$x -v',
    'a$x',
    'a | b',
    'a > b',
    'a; b',
    'a &',
    'a # b',
  ];
  const expanded = ['a *', 'a ?', 'a [b]', 'a ~', "a 'b'", 'a "b"', 'a \\b', 'a $$HOME', 'a {b,c}'];
  const others = ['a\nb', 'a `b`', 'a !', `prog \${x:raw}`, 'test -f a', 'ulimit -c 0', 'time a'];
  for (const template of [...own, ...expanded, ...others]) {
    assert.equal(direct(template), null, template);
  }
});

test('directly and through the shell a program gets the same words', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9_@%+,./:=-]{0,6}(\$x)?[A-Za-z0-9_@%+,./:=-]{1,6}$/);
  const cell = fc.string({ maxLength: 8, unit: 'binary' }).map((text) => text.replaceAll('\0', ''));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 4 }), cell, (words, value) => {
      const template = [show, ...words.map((text) => text.replace('$x', `\${x}`))].join(' ');
      const { expand, expandDirect } = compileCommand({ kind: 'shell', template }, ['x']);
      const { file, argv } = expand([value], 0);
      const told = execFileSync(file, argv.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
      const seen = told.toString().split('\0').slice(0, -1);
      const given = expandDirect!([value], 0).argv.slice(1);
      assert.deepEqual(seen, given.length === 0 ? [''] : given.map((text) => text.toWellFormed()));
    }),
    { numRuns: 40 },
  );
});
