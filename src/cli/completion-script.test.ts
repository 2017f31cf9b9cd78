import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { completionScript } from './completion-script.ts';
import { manualPage } from './manual-page.ts';
import { COMMANDS } from './table.ts';

const has = (program: string) => spawnSync(program, ['--version']).error === undefined;

function bashCompletes(...words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const script = `${completionScript('bash')}
COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _windrow; printf '%s\\n' "\${COMPREPLY[@]}"`;
  // compopt complains outside of a completion; it is not what is asked here.
  const { stdout, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.equal(status, 0);
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion in bash', { skip: has('bash') ? false : 'there is no bash' }, () => {
  it('knows commands, options and choices', () => {
    assert.deepEqual(bashCompletes('windrow', 're'), ['results', 'retry', 'resume', 'release']);
    assert.deepEqual(bashCompletes('windrow', 'run', '--ret'), ['--retries']);
    assert.deepEqual(bashCompletes('windrow', 'ls', '--only', 'pa'), ['paused']);
    assert.deepEqual(bashCompletes('windrow', 'completion', ''), ['bash', 'zsh', 'fish']);
    assert.deepEqual(bashCompletes('windrow', 'run', '--name', ''), []);
    assert.deepEqual(bashCompletes('windrow', 'traps', 's'), ['serve', 'send', 'silence']);
    assert.deepEqual(bashCompletes('windrow', 'traps', 'watch', '--category', 'f'), ['fatal']);
  });
});

describe('completion scripts', () => {
  for (const shell of ['zsh', 'fish'] as const) {
    it(`of ${shell} are read by it`, { skip: has(shell) ? false : `there is no ${shell}` }, () => {
      // From a file: fish 3.6 does not read from a socket, which is what input would be.
      const directory = mkdtempSync(join(tmpdir(), 'windrow-completion-'));
      const file = join(directory, shell);
      writeFileSync(file, completionScript(shell));
      const checked = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
      rmSync(directory, { recursive: true });
      assert.deepEqual([checked.status, checked.stderr], [0, '']);
    });
  }

  it('name every command in every shell', () => {
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = completionScript(shell);
      // A command of a group stands in fish behind the group's word, not beside it.
      for (const word of COMMANDS.flatMap(({ name }) => name.split(' ')))
        assert.match(script, new RegExp(`\\b${word}\\b`), `${shell} ${word}`);
    }
  });
});

describe('a manual page', () => {
  it('has the sections that readers look for', () => {
    for (const spec of COMMANDS) {
      const page = manualPage(spec, '1.2.3');
      for (const name of [
        'NAME',
        'SYNOPSIS',
        'DESCRIPTION',
        'OPTIONS',
        'EXAMPLES',
        'EXIT STATUS',
      ]) {
        assert.ok(page.includes(`\n.SH ${name}\n`), `${spec.name} ${name}`);
      }
    }
  });

  it('is read by groff without complaint', {
    skip: has('groff') ? false : 'there is no groff',
  }, () => {
    for (const spec of [null, ...COMMANDS]) {
      const argv = ['-man', '-Tutf8', '-ww', '-z'];
      const { stderr } = spawnSync('groff', argv, {
        input: manualPage(spec, '1'),
        encoding: 'utf8',
      });
      assert.equal(stderr, '', spec?.name ?? 'windrow');
    }
  });
});
