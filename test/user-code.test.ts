import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inField, type SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const sweep = (...lines: string[]): string =>
  [
    'name = "checked"',
    'command = "echo $i >> \\"$$HOME/runs\\"; echo value $i"',
    'output = "out"',
    'retries = 1',
    ...lines,
    '[parameters.range]',
    'i = "1..4"',
    '[results]',
    'value = "stdout"',
    '',
  ].join('\n');

/** It says that it runs, leaves a child behind, and never gives its thread back. */
const LOOP = `import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
export default () => {
  spawn('sh', ['-c', 'sleep 1000; : LEFT_BEHIND'], { stdio: 'ignore' });
  writeFileSync('ON', '');
  for (;;);
};
`;

const HOSTILE: readonly { what: string; code: string; reason: RegExp; timeout?: string }[] = [
  {
    what: 'throws',
    code: `() => { throw new Error('no such lattice'); }`,
    reason: /no such lattice/,
  },
  { what: 'hangs', code: '() => { for (;;); }', reason: /within 1 s/, timeout: '1 s' },
  {
    what: 'allocates for ever',
    code: '() => { const kept = []; for (;;) kept.push(Buffer.alloc(2 ** 27, 1)); }',
    reason: /memory|killed|ended|SIG/i,
  },
  { what: 'ends its process', code: '() => process.exit(0)', reason: /ended|exit/ },
];

describe('a validator', () => {
  it('refuses results, which go to quarantine and cost a retry', () =>
    inField(async (field) => {
      field.write('sweep.toml', sweep('validate = "./check.ts"'));
      field.write(
        'check.ts',
        `export default ({ i }: { i: string }, results: { value: string }) =>
           i === '2' ? 'two is no good' : results.value === \`value \${i}\\n\`;`,
      );
      const { stdout } = await field.must(1, 'run', 'sweep.toml');
      assert.match(stdout, /2 invalid-result/);
      assert.match(stdout, /two is no good/);
      assert.equal(field.read('out/value'), 'value 1\nvalue 3\nvalue 4\n');
      assert.deepEqual(field.lines('home/runs').sort(), ['1', '2', '2', '3', '4']);
      const reasons = field.lines('out/quarantine/reasons.jsonl').map((line) => JSON.parse(line));
      assert.deepEqual(
        reasons.map(({ task, reason, parameters }) => [task, reason, parameters.i]),
        [
          [1, 'two is no good', '2'],
          [1, 'two is no good', '2'],
        ],
      );
      assert.match(field.read('out/quarantine/results.blocks'), /value 2\n/);
    }));

  it('that is an executable says why by its last line on stderr', () =>
    inField(async (field) => {
      field.write('sweep.toml', sweep('validate = "./check.sh"'));
      field.write(
        'check.sh',
        '#!/bin/sh\ngrep -q "value $WINDROW_PARAM_I" value || exit 1\n[ "$WINDROW_PARAM_I" != 3 ] || { echo "three is odd" >&2; exit 1; }\n',
        0o755,
      );
      const { stdout } = await field.must(1, 'run', 'sweep.toml');
      assert.match(stdout, /three is odd/);
      assert.equal(field.read('out/value'), 'value 1\nvalue 2\nvalue 4\n');
    }));

  for (const { what, code, reason, timeout = '30 s' } of HOSTILE) {
    it(`that ${what} holds the tasks; mended, it checks them again without running them`, () =>
      inField(async (field) => {
        field.write(
          'sweep.toml',
          sweep('validate = "./check.ts"', `validate-timeout = "${timeout}"`),
        );
        field.write('check.ts', `export default ${code};\n`);
        const { stdout } = await field.must(1, 'run', 'sweep.toml');
        assert.deepEqual(field.lines('home/runs').sort(), ['1', '2', '3', '4']);
        // What it says leads there, as it is.
        const [, words = ''] = /; why: windrow (.*)$/m.exec(stdout) ?? [];
        const { tasks } = await field.json(...words.split(' '));
        assert.equal(tasks.length, 4);
        for (const task of tasks) {
          assert.equal(task.state, 'held');
          assert.match(task.reason, /^the validator failed, not the program: /);
          assert.match(task.reason, reason);
        }
        field.write('check.ts', 'export default () => true;\n');
        field.write('sweep.toml', sweep('validate = "./check.ts"'));
        await field.must(0, 'run', 'sweep.toml');
        assert.deepEqual(
          field.lines('home/runs').sort(),
          ['1', '2', '3', '4'],
          'nothing ran again',
        );
        assert.equal(field.read('out/value'), 'value 1\nvalue 2\nvalue 3\nvalue 4\n');
      }));
  }
});

describe('an expression', () => {
  it('on the command line validates, and one that is none is refused before anything runs', () =>
    inField(async (field) => {
      const run = (expression: string) =>
        [
          'run',
          '--output',
          'out',
          '--range',
          'i=1..4',
          '--validate-expression',
          expression,
          '--',
        ].concat('echo $i >> "$$HOME/runs"; echo $i');
      const { stderr } = await field.must(2, ...run('stdout <'));
      assert.match(stderr, /--validate-expression: expected an operand, .* column 9/);
      assert.equal(field.has('home/runs'), false);
      await field.must(1, ...run('stdout != 3'));
      assert.equal(field.read('out/stdout'), '1\n2\n4\n');
    }));
});

describe('code that cannot be used', () => {
  const refused = async (field: SweepField, ...said: RegExp[]) => {
    for (const more of [[], ['--dry-run']]) {
      const { stderr } = await field.must(2, 'run', 'sweep.toml', ...more);
      assert.match(stderr, /code: CODE_UNUSABLE/);
      for (const pattern of said) assert.match(stderr, pattern);
    }
    assert.equal(field.has('home/runs'), false, 'nothing was run');
  };

  it('is refused before anything runs, with the line that is wrong', () =>
    inField(async (field) => {
      field.write('sweep.toml', sweep('validate = "./check.mjs"'));
      field.write('check.mjs', '// first line\nexport default () => {\n  return 1 +;\n};\n');
      await refused(
        field,
        /The validator .*check\.mjs cannot be used/,
        /check\.mjs:3: SyntaxError/,
      );
      field.write(
        'check.mjs',
        'import { energy } from "./energy.ts";\nexport default () => energy;\n',
      );
      field.write('energy.ts', '\n\nexport const energy = null.value;\n');
      await refused(field, /energy\.ts:3: TypeError/);
    }));

  it('is refused when the function is missing, also a collector, which is needed at the end only', () =>
    inField(async (field) => {
      field.write('sweep.toml', sweep('collect = "./collect.ts"'));
      field.write('collect.ts', 'export function collect() { return ""; }\n');
      await refused(field, /The collector .*its default export is not a function/);
      field.write('collect.ts', 'export default () => "";\nexport { end } from "./nothing.ts";\n');
      await refused(field, /Cannot find module .*nothing\.ts/);
      field.write('sweep.toml', sweep('validate = "./check.sh"'));
      field.write('check.sh', '#!/bin/sh\n', 0o644);
      const { stderr } = await field.must(2, 'run', 'sweep.toml');
      assert.match(stderr, /check\.sh/);
    }));
});

describe('a validator whose server is killed', () => {
  const left = (field: SweepField, pattern: RegExp) =>
    field.processes().filter(({ argv }) => pattern.test(argv.join(' ')));

  for (const [what, file, code, pattern] of [
    ['a module in a loop', 'check.ts', LOOP, /user-code-host|LEFT_BEHIND/],
    [
      'an executable',
      'check.sh',
      '#!/bin/sh\necho on > ON; sleep 1000; :\n',
      /check\.sh|sleep 1000/,
    ],
  ] as const) {
    it(`does not outlive it: ${what}`, () =>
      inField(async (field) => {
        field.write('sweep.toml', sweep(`validate = "./${file}"`, 'validate-timeout = "1 h"'));
        field.write(file, code.replace('ON', field.path('on')), 0o755);
        const run = field.start(['run', 'sweep.toml']);
        await run.until('the validator runs', () => field.has('on'));
        run.kill();
        await run.ended;
        await until('nothing of it is left', () => left(field, pattern).length === 0);
        field.killAll(); // the worker waits for another server
      }));
  }
});

describe('a collector', () => {
  const collecting = (field: SweepField, code: string) => {
    field.write('sweep.toml', sweep('collect = "./collect.ts"'));
    field.write('collect.ts', code);
  };

  it('that throws ends the run with an error, leaves the old output, and is not run in vain', () =>
    inField(async (field) => {
      collecting(field, `export default ({ i }, { value }) => i + ':' + value;`);
      await field.must(0, 'run', 'sweep.toml');
      const good = '1:value 1\n2:value 2\n3:value 3\n4:value 4\n';
      assert.equal(field.read('out/collected'), good);
      collecting(
        field,
        `export default ({ i }, { value }) => { if (i === '3') throw new Error('three'); return value; };`,
      );
      const { stderr } = await field.must(1, 'run', 'sweep.toml');
      assert.match(stderr, /three/);
      assert.match(stderr, /code: [A-Z_]+/);
      assert.equal(field.read('out/collected'), good);
      collecting(field, `export default (_, { value }) => value;`);
      await field.must(0, 'run', 'sweep.toml');
      assert.equal(field.read('out/collected'), 'value 1\nvalue 2\nvalue 3\nvalue 4\n');
      assert.deepEqual(
        field.list('out').filter((name) => name.includes('partial')),
        [],
      );
      assert.deepEqual(field.lines('home/runs').sort(), ['1', '2', '3', '4']);
    }));
});
