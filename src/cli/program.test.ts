import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WindrowError } from '#base';
import { describedOptions } from './described-option.ts';
import { helpOf, parseLine } from './program.ts';
import { COMMANDS } from './table.ts';

function parsed(...argv: string[]) {
  const line = parseLine(argv, 80);
  assert.ok(line.kind === 'command');
  return line;
}

function usageProblem(...argv: string[]): string {
  try {
    parseLine(argv, 80);
  } catch (error) {
    assert.ok(error instanceof WindrowError && error.code === 'USAGE_WRONG', String(error));
    return `${error.message} ${error.todo}`;
  }
  throw new assert.AssertionError({ message: `${argv} was taken` });
}

describe('a command line', () => {
  it('keeps the order of the axes, whichever they are', () => {
    const line = parsed(
      'run',
      '--set',
      'x=1,2',
      '--range',
      'a=1..3',
      '--set',
      'y=3',
      '--parameters',
      'f',
      '--',
      'c',
    );
    assert.deepEqual(
      line.axes.map(({ kind, text }) => `${kind} ${text}`),
      ['set x=1,2', 'range a=1..3', 'set y=3', 'parameters f'],
    );
  });

  it('turns settings that are yes or no on and off, and takes no other word for their value', () => {
    const flags = (...words: string[]) => parsed(...words).flags;
    assert.deepEqual(flags('worker', '--data-origins', 'no'), { 'data-origins': 'no' });
    assert.deepEqual(flags('worker', '--no-data-origins'), { 'data-origins': 'no' });
    assert.deepEqual(flags('worker', '--data-origins=off'), { 'data-origins': 'off' });
    assert.deepEqual(flags('worker', '--data-origins', '--slots', '2'), {
      'data-origins': 'yes',
      slots: '2',
    });
    const { args, flags: ofRun } = parsed('run', '--insecure', 'sweep.toml');
    assert.deepEqual([args, ofRun], [['sweep.toml'], { insecure: 'yes' }]);
    const { daemon, conformance } = parsed('traps', 'serve', '-d', '--conformance', 'No').options;
    assert.deepEqual([daemon, conformance], [true, false]);
    assert.match(usageProblem('traps', 'serve', '--daemon=perhaps'), /expected yes or no/);
    assert.match(usageProblem('worker', '--no-slots'), /unknown option '--no-slots'/);
  });

  it('leaves everything after -- to the command of the user', () => {
    const line = parsed(
      'run',
      '--retries',
      '2',
      '--',
      'prog',
      '--json',
      '--',
      '-q',
      ':::',
      'a',
      ':::+',
      'b',
    );
    assert.deepEqual(line.words, ['prog', '--json', '--', '-q', ':::', 'a', ':::+', 'b']);
    assert.deepEqual(
      [line.options.json, line.options.quiet, line.options.retries],
      [false, false, 2],
    );
  });

  it('keeps nothing of the one before', () => {
    parsed('run', '--set', 'x=1', '--result', 'a=stdout', '--', 'c');
    const line = parsed('run', '--', 'c');
    assert.deepEqual([line.axes, line.options.result], [[], []]);
  });

  it('takes options before and after arguments, and repeated ones', () => {
    const line = parsed('run', 'sweep.toml', '--env', 'A=1', '--slots', '4', '--env', 'B=2=3');
    assert.deepEqual(
      [line.args, line.options.env, line.flags],
      [['sweep.toml'], ['A=1', 'B=2=3'], { slots: '4' }],
    );
  });

  it('turns units into numbers', () => {
    const { options } = parsed(
      'run',
      '--timeout',
      '1 h 30 min',
      '--memory',
      '1 GiB',
      '--cpus',
      '0.5',
      '--',
      'c',
    );
    assert.deepEqual([options.timeout, options.memory, options.cpus], [5_400_000, 2 ** 30, 0.5]);
    assert.equal(parsed('run', '--timeout', 'none', '--', 'c').options.timeout, 0);
  });

  it('that is wrong says what is wrong and where to read on', () => {
    assert.match(usageProblem('lss'), /'lss' \(Did you mean ls\?\) See: windrow --help/);
    assert.match(usageProblem('run', '--slot', '3'), /Did you mean --slots\?.*windrow run --help/);
    assert.match(
      usageProblem('run', '--retries', '-1', '--', 'c'),
      /expected a whole number from 0/,
    );
    assert.match(usageProblem('run', '--timeout', 'soon', '--', 'c'), /expected a duration/);
    assert.match(
      usageProblem('run', '--order', 'none', '--', 'c'),
      /Allowed choices are table, completion/,
    );
    assert.match(usageProblem('rm'), /missing required argument/);
    assert.match(usageProblem('ls', 'x'), /too many arguments/);
    assert.match(usageProblem('run', 'gzip', 'a.txt'), /the command goes behind --/);
    assert.match(usageProblem('ls', '--', 'x'), /takes no command/);
  });
});

describe('every command', () => {
  it('has help with its options, examples and exit codes, no wider than the terminal', () => {
    for (const spec of COMMANDS) {
      const help = helpOf(spec.name, 80);
      assert.match(help, new RegExp(`^Usage: windrow ${spec.name}`));
      assert.match(help, /\nExamples:\n {2}#/);
      assert.match(help, /\nExit codes:\n {2}0 /);
      for (const { names } of describedOptions(spec))
        assert.ok(help.includes(names[0]!), `${spec.name} ${names}`);
      const body = help.slice(0, help.indexOf('\nExamples:'));
      for (const line of body.split('\n')) assert.ok(line.length <= 80, line);
    }
  });

  it('has examples that its own parser takes', () => {
    for (const spec of COMMANDS) {
      for (const { line } of spec.examples) {
        // Up to what the shell would take, which inside of quotes is nothing; also behind a pipe.
        const calls = line.matchAll(/(?:^|\| )windrow ((?:'[^']*'|"[^"]*"|[^|>&<'"])*)/g);
        const names = [...calls].map(([, words = '']) => {
          // Quotes of the shell group words; inside of them nothing else matters here.
          const argv = [...words.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
            (one) => one[1] ?? one[2] ?? one[3]!,
          );
          return parsed(...argv).spec.name;
        });
        assert.ok(names.length === 0 || names.includes(spec.name), line);
      }
    }
  });

  it('that prints data can print JSON', () => {
    const texts = [
      'chirp',
      'completion',
      'data get',
      'man',
      'sandbox run',
      'serve',
      'traps serve',
      'worker',
    ];
    for (const spec of COMMANDS)
      assert.equal('json' in spec.options, !texts.includes(spec.name), spec.name);
  });

  it('has a file that does it', async () => {
    for (const spec of COMMANDS) assert.equal(typeof (await spec.load()), 'function', spec.name);
  });
});
