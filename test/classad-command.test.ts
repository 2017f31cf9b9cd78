import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PassThrough } from 'node:stream';
import { afterEach, beforeEach, test } from 'node:test';
import { type CliWorld, openCliWorld } from './cli-world.ts';

let cli: CliWorld;
beforeEach(() => {
  cli = openCliWorld();
});
afterEach(() => cli.close());

test('a value is printed, also as JSON', async () => {
  assert.deepEqual(await cli.windrow('classad', 'eval', '1 + 2 * 3'), {
    ...{ code: 0, stdout: '7\n', stderr: '' },
  });
  const { stdout } = await cli.windrow('classad', 'eval', '--json', 'strcat("a", "\\t")');
  assert.deepEqual(JSON.parse(stdout), { type: 'string', value: '"a\\t"' });
});

test('a wrong expression ends with status 1 and a caret under the place', async () => {
  const { code, stdout, stderr } = await cli.windrow('classad', 'eval', 'Memory >= ) 5');
  assert.deepEqual([code, stdout], [1, '']);
  const [said, text, caret] = stderr.split('\n');
  assert.match(said!, /line 1, column 11: expected an operand, found "\)"/);
  assert.equal(text!.indexOf(')'), caret!.indexOf('^'));
});

test('names are looked up in the ads of the files, in whichever form', async () => {
  writeFileSync(
    join(cli.directory, 'job.ad'),
    'RequestMemory = 100\nFits = TARGET.Memory >= MY.RequestMemory\n',
  );
  writeFileSync(join(cli.directory, 'slot.ad'), '{ "Memory": 128 }');
  const ads = ['--my', 'job.ad', '--target', 'slot.ad'];
  assert.equal((await cli.windrow('classad', 'eval', 'Fits', ...ads)).stdout, 'true\n');
  assert.equal(
    (await cli.windrow('classad', 'eval', 'Fits', '--my', 'job.ad')).stdout,
    'undefined\n',
  );
  const missing = await cli.windrow('classad', 'eval', 'Fits', '--my', 'no.ad');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /AD_UNREADABLE/);
});

test('each line of stdin has one line as its answer, a wrong one too', async () => {
  const answers = async (...options: string[]) => {
    const own = openCliWorld();
    try {
      const stdin = own.world.stdin as PassThrough;
      stdin.write('1 / 2\n{ 1,');
      stdin.end(' x }\n\n1 +\r\n"last"');
      const { code, stdout } = await own.windrow('classad', 'eval', '-', ...options);
      assert.equal(code, 0);
      return stdout.trimEnd().split('\n');
    } finally {
      own.close();
    }
  };
  const types = (await answers('--json')).map((line) => JSON.parse(line).type);
  assert.deepEqual(types, ['integer', 'list', 'parse-error', 'parse-error', 'string']);
  const plain = await answers();
  assert.deepEqual(plain.slice(0, 2), ['0', '{ 1,x }']);
  assert.match(plain[3]!, /^parse-error: .*column 4/);
});

test('another action is refused as wrong usage', async () => {
  const { code, stderr } = await cli.windrow('classad', 'parse', 'x');
  assert.equal(code, 2);
  assert.match(stderr, /classad can eval, not parse/);
});
