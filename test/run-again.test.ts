import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { describe, it } from 'node:test';
import { inField, type SweepField } from './field/sweep-field.ts';

const SWEEP = `
name = "sums"
command = "echo $a >> \\"$$HOME/runs\\"; ./add $a"
parameters = "grid.csv"
output = "out"
retries = 0
[programs]
"${process.platform}-${process.arch}" = "add"
[inputs]
"offset" = { file = "offset.txt" }
`;

const ADD = '#!/bin/sh\necho $(($1 + $(cat offset)))\n';

function writeSweep(field: SweepField): void {
  field.write('sweep.toml', SWEEP);
  field.write('grid.csv', 'a\n1\n2\n3\n');
  field.write('offset.txt', '10\n');
  field.write('add', ADD, 0o755);
}

/** Runs the sweep and says which rows were run by that. */
async function ranBy(field: SweepField, ...options: string[]): Promise<string[]> {
  const before = field.lines('home/runs').length;
  await field.must(0, 'run', 'sweep.toml', '--slots', '2', ...options);
  return field.lines('home/runs').slice(before).sort();
}

describe('a sweep that is run again', () => {
  it('does nothing when nothing changed, and only what changed when something did', () =>
    inField(async (field) => {
      writeSweep(field);
      assert.deepEqual(await ranBy(field), ['1', '2', '3']);
      assert.equal(field.read('out/stdout'), '11\n12\n13\n');

      assert.deepEqual(await ranBy(field), []);
      assert.equal(field.read('out/stdout'), '11\n12\n13\n');

      field.write('grid.csv', 'a\n1\n2\n4\n5\n');
      assert.deepEqual(await ranBy(field), ['4', '5'], 'rows that are new');
      assert.equal(field.read('out/stdout'), '11\n12\n14\n15\n');

      field.write('grid.csv', 'a\n5\n1\n');
      assert.deepEqual(await ranBy(field), [], 'rows in another order');
      assert.equal(field.read('out/stdout'), '15\n11\n');

      field.write('offset.txt', '20\n');
      assert.deepEqual(await ranBy(field), ['1', '5'], 'an input');
      assert.equal(field.read('out/stdout'), '25\n21\n');

      field.write('add', ADD.replace('echo', 'echo 1'));
      chmodSync(field.path('add'), 0o755);
      assert.deepEqual(await ranBy(field), ['1', '5'], 'the program');
      assert.equal(field.read('out/stdout'), '1 25\n1 21\n');

      field.write('sweep.toml', SWEEP.replace('./add $a', './add 2$a'));
      assert.deepEqual(await ranBy(field), ['1', '5'], 'the command');
      assert.equal(field.read('out/stdout'), '1 45\n1 41\n');

      assert.deepEqual(await ranBy(field, '--again'), ['1', '5'], '--again');
    }));

  it('explains what would run again, and runs nothing for it', () =>
    inField(async (field) => {
      writeSweep(field);
      const why = async () =>
        (await field.must(0, 'run', 'sweep.toml', '--why-rerun')).stdout.split('\n');
      assert.match((await why())[0]!, /^3 tasks: 0 kept, 3 to run \(3 new\)$/);
      assert.equal(field.has('home/runs'), false);
      await ranBy(field);
      assert.match((await why())[0]!, /^3 tasks: 3 kept, 0 to run$/);
      field.write('grid.csv', 'a\n1\n2\n7\n');
      const [rows, , ...examples] = await why();
      assert.match(rows!, /^3 tasks: 2 kept, 1 to run \(1 new\)$/);
      assert.match(examples[0]!, /^ {2}task 2, new: /);
      assert.deepEqual(examples.slice(1), ['']);
      field.write('offset.txt', '30\n');
      assert.match((await why())[0]!, /3 to run \(3 changed: inputs: offset\)$/);
      assert.deepEqual(field.lines('home/runs').sort(), ['1', '2', '3']);
      assert.equal(field.read('out/stdout'), '11\n12\n13\n', 'and collects nothing');
    }));

  it('tries again only the rows that failed', () =>
    inField(async (field) => {
      const sweep = [
        'run',
        '--slots',
        '2',
        '--output',
        'out',
        '--range',
        'i=1..3',
        '--retries',
        '0',
      ];
      // What the command writes to is there the second time, and changes nothing.
      const command =
        'echo $i >> home/runs; [ $i != 2 ] || [ -e "$$HOME/mended" ] && echo $i 2>>errors';
      await field.must(1, ...sweep, '--', command);
      assert.equal(field.read('out/stdout'), '1\n3\n');
      field.write('home/mended', '');
      await field.must(0, ...sweep, '--', command);
      assert.deepEqual(field.lines('home/runs').sort(), ['1', '2', '2', '3']);
      assert.equal(field.read('out/stdout'), '1\n2\n3\n');
    }));
});
