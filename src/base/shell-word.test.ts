import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { plainShellWord, shellCommand, shellWord } from './shell-word.ts';

const SHELLS = ['/bin/sh', '/bin/bash', '/bin/zsh', '/usr/bin/zsh'].filter(existsSync);
const PRINT = [
  process.execPath,
  '-e',
  'process.stdout.write(JSON.stringify(process.argv.slice(1)))',
];

const NASTY = [
  '',
  ' ',
  "'",
  "''",
  "a'b",
  '"',
  '\\',
  "\\'",
  '$HOME',
  '$(id)',
  '`id`',
  '!!',
  '~',
  '*',
  '?[a]',
  'a\nb',
  '\n',
  '\r\n',
  '\t',
  '-rf',
  '--',
  '; id',
  '&& id',
  '| id',
  '> x',
  '#c',
  '{a,b}',
  'ä→🙂',
  '%s',
  '\u001b[0m',
];

test('every text is one word of the shell, unchanged', () => {
  for (const shell of SHELLS) {
    const command = shellCommand([...PRINT, ...NASTY]);
    const said = execFileSync(shell, ['-c', command], { encoding: 'utf8' });
    assert.deepEqual(JSON.parse(said), NASTY, shell);
  }
});

test('random texts come through the shell unchanged', () => {
  const word = fc
    .string({ unit: 'binary', maxLength: 20 })
    .map((text) => text.replaceAll('\0', ''));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), (words) => {
      const script = `for word do printf '%s\\0' "$word"; done`;
      const said = execFileSync('/bin/sh', ['-c', `set -- ${shellCommand(words)}; ${script}`]);
      assert.deepEqual(
        said.toString('utf8').split('\0').slice(0, -1),
        words.map((one) => one.toWellFormed()),
      );
    }),
    { numRuns: 10 },
  );
});

test('only what a shell would read something into is quoted where quotes are not wanted', () => {
  assert.equal(plainShellWord('--threads=4'), '--threads=4');
  for (const word of ['', 'a b', 'x=1;', '~', '=x', "it's"]) {
    assert.equal(plainShellWord(word), shellWord(word));
  }
});
