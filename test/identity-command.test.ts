import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type CliWorld, openCliWorld } from './cli-world.ts';

let cli: CliWorld;
beforeEach(() => {
  cli = openCliWorld();
});
afterEach(() => cli.close());

const map = (...args: string[]) =>
  cli.windrow('identity', 'map', ...args, '--identity-table', 'identities');

test('the account of a name is told with the line that gives it', async () => {
  writeFileSync(join(cli.directory, 'identities'), 'grid-* pool1 node*\ngrid-* pool2\nmallory -\n');
  const file = join(cli.directory, 'identities');
  assert.deepEqual(await map('grid-17', '--host', 'node4'), {
    code: 0,
    stdout: `grid-17 runs as pool1 on node4 (${file}:1: grid-* pool1 node*)\n`,
    stderr: '',
  });
  const { stdout } = await map('grid-17', '--host', 'head', '--json');
  assert.deepEqual(JSON.parse(stdout), {
    name: 'grid-17',
    machine: 'head',
    table: file,
    account: 'pool2',
    rule: { line: 2, text: 'grid-* pool2' },
  });
});

test('a refusal says which line refuses, or that none fits, and ends with status 1', async () => {
  writeFileSync(join(cli.directory, 'identities'), 'mallory -\n');
  const refused = await map('mallory', '--host', 'a');
  assert.deepEqual([refused.code, refused.stderr], [1, '']);
  assert.match(refused.stdout, /^mallory is refused on a \(.*identities:1: mallory -\)\n$/);
  assert.match(
    (await map('eve', '--host', 'a')).stdout,
    /^eve is refused on a: no line of .* fits\n$/,
  );
});

test('a table that is wrong or not there is told with its place', async () => {
  const missing = await map('ada');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /identities cannot be used: no such file or directory/);
  writeFileSync(join(cli.directory, 'identities'), '"ada ada\n');
  assert.match((await map('ada')).stderr, /line 1: a quote is not closed/);
});
