import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { HOME, type Installation, installForTest } from './installed-program.ts';

/** What the blocks of the guide are to be saved as, by their language. */
const FILES = { sh: 'decay.sh', ini: 'decay.ini.in', ts: 'check.ts', toml: 'sweep.toml' } as const;

let place: Installation;
before(() => {
  place = installForTest();
});
after(() => place.remove());

it('the first guide leads where it says', async () => {
  const guide = readFileSync(join(HOME, 'docs', 'guide', 'first-sweep.md'), 'utf8');
  const folder = join(place.directory, 'study');
  mkdirSync(folder);
  for (const [, language, text] of guide.matchAll(/^```(\w+)\n(.*?)^```/gms)) {
    writeFileSync(join(folder, FILES[language as keyof typeof FILES]), text!, { mode: 0o755 });
  }

  const { code, stdout, stderr } = await place.run('bin/windrow', 'run', 'study/sweep.toml');
  assert.equal(code, 0, stderr);
  for (const line of ['tasks:      9 done', 'attempts:   12: 3 exit-code, 9 ok']) {
    assert.ok(guide.includes(`    ${line}\n`));
    assert.ok(stdout.includes(`${line}\n`), stdout);
  }
  const table = readFileSync(join(folder, 'decay', 'results.csv'), 'utf8')
    .trim()
    .split('\n');
  assert.equal(table[0], 'rate,steps,x');
  assert.equal(table[9], '1.5,1000,0.222879');
});
