import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { inField, type SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

/** Tasks that say when they began, go on until `go` exists, and leave a mark when they ended. */
const WAITING =
  'echo $i >> "$$HOME/begun"; while [ ! -e "$$HOME/go" ]; do sleep 0.05; done; echo $i >> "$$HOME/ended"; echo $i';

const run = (command: string, ...options: string[]): string[] => [
  'run',
  ...['--slots', '2', '--output', 'out', ...options],
  '--',
  command,
];

/** The pids that tasks wrote into a file, once there are `count`. */
function pids(field: SweepField, file: string, count: number): Promise<number[]> {
  return until(`${count} programs run`, () => {
    const found = field.lines(file).map(Number);
    return found.length === count ? found : null;
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a run that is interrupted', () => {
  it('finishes what runs, starts nothing new, and goes on the next time', () =>
    inField(async (field) => {
      const sweep = run(WAITING, '--range', 'i=1..6');
      const first = field.start(sweep);
      await first.until('two run', () => field.lines('home/begun').length === 2);
      first.interrupt();
      await first.until('it says what it waits for', () => first.stderr().includes('Ctrl-C again'));
      await until('the worker gave back what it had fetched beforehand', async () => {
        const { jobs } = await field.json('ls', '--state', 'out');
        return jobs[0].counts.running === 2;
      });
      field.write('home/go', '');
      assert.equal((await first.ended).code, 3);
      assert.deepEqual(field.lines('home/begun').sort(), ['1', '2']);
      assert.deepEqual(field.lines('home/ended').sort(), ['1', '2']);
      await field.isQuiet();
      const { stderr } = await field.must(0, ...sweep);
      assert.match(stderr, /goes on: 2 kept, 4 to run/);
      assert.deepEqual(field.lines('home/begun').sort(), ['1', '2', '3', '4', '5', '6']);
      assert.equal(field.read('out/stdout'), '1\n2\n3\n4\n5\n6\n');
    }));

  it('ends at once while it waits for rows that do not come', () =>
    inField(async (field) => {
      execFileSync('mkfifo', [field.path('rows')]);
      const options = ['--output', 'out', '--parameters', 'rows'];
      const first = field.start(['run', ...options, '--', 'echo $a']);
      // Whoever opens it to write and not to wait finds a reader, or none yet.
      const writer = await until('it reads', () => {
        try {
          return openSync(field.path('rows'), constants.O_WRONLY | constants.O_NONBLOCK);
        } catch {
          return null;
        }
      });
      first.interrupt();
      const { code, stderr } = await first.ended;
      closeSync(writer);
      assert.deepEqual([code, stderr], [3, '']);
      await field.isQuiet();

      const next = field.start(['run', ...options, '--', 'echo $a']);
      writeFileSync(field.path('rows'), 'a\n1\n2\n');
      assert.equal((await next.ended).code, 0);
      assert.equal(field.read('out/stdout'), '1\n2\n');
    }));

  it('kills whole process trees at the second Ctrl-C', () =>
    inField(async (field) => {
      const stubborn = `trap '' TERM INT; sleep 300 & echo $$! >> "$$HOME/pids"; echo $$$$ >> "$$HOME/pids"; echo $i; wait; sleep 300`;
      const first = field.start(run(stubborn, '--range', 'i=1..3'));
      await first.until('two run', () => field.lines('home/pids').length === 4);
      const programs = await pids(field, 'home/pids', 4);
      first.interrupt();
      await first.until('it says what it waits for', () => first.stderr().includes('Ctrl-C again'));
      const beganMs = performance.now();
      first.interrupt();
      assert.equal((await first.ended).code, 3);
      assert.ok(performance.now() - beganMs < 60_000, 'it waits for no program');
      await field.isQuiet();
      assert.deepEqual(programs.filter(isAlive), []);
    }));
});

describe('a program that takes too long', () => {
  it('is killed with everything it started, also what made itself a daemon', () =>
    inField(async (field) => {
      const tree =
        'trap "" TERM; sleep 300 & (setsid sleep 300 & echo $$! >> "$$HOME/pids"); echo $$! >> "$$HOME/pids"; echo $$$$ >> "$$HOME/pids"; echo $i; sleep 300; sleep 300';
      // Long enough for the tree to grow, be the machine ever so busy.
      const limits = 'timeout = "4 s"\nkill-grace = "300 ms"\nretries = 0\n';
      const rest = '[parameters.range]\ni = "1..1"\n';
      field.write('sweep.toml', `command = '''${tree}'''\n${limits}${rest}`);
      const { stdout } = await field.must(1, 'run', 'sweep.toml');
      assert.match(stdout, /1 timeout/);
      const programs = await pids(field, 'home/pids', 3);
      assert.deepEqual(programs.filter(isAlive), []);
    }));

  it('leaves no daemon behind when it ends by itself', () =>
    inField(async (field) => {
      const daemon =
        '(setsid sh -c \'echo $$$$ >> "$$HOME/pids"; exec sleep 300\' &) ; while [ ! -s "$$HOME/pids" ]; do sleep 0.02; done; echo $i';
      await field.must(0, ...run(daemon, '--range', 'i=1..1'));
      const programs = await pids(field, 'home/pids', 1);
      await until('the daemon is dead', () => !programs.some(isAlive));
      assert.equal(field.read('out/stdout'), '1\n');
    }));
});

describe('what a run tells', () => {
  it('ends with 1 when some tasks failed, and says which kind and how they looked', () =>
    inField(async (field) => {
      const failing = 'echo $i; if [ $i = 2 ]; then echo "no lattice 17" >&2; exit 5; fi';
      const { stdout } = await field.must(
        1,
        ...run(failing, '--range', 'i=1..3', '--retries', '1'),
      );
      assert.match(stdout, /2 exit-code/);
      assert.match(stdout, /no lattice/);
      assert.equal(field.read('out/stdout'), '1\n3\n');
    }));

  it('prints lines of JSON and nothing else with --json', () =>
    inField(async (field) => {
      const sweep = run('echo $i', '--range', 'i=1..3', '--json');
      const { stdout, stderr } = await field.must(0, ...sweep);
      const lines = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.equal(lines[0].kind, 'submitted');
      assert.deepEqual([lines.at(-1).kind, lines.at(-1).exitCode], ['summary', 0]);
      assert.equal(stderr, '');
    }));

  it('prints nothing with --quiet when all is well', () =>
    inField(async (field) => {
      const { stdout, stderr } = await field.must(
        0,
        ...run('echo $i', '--range', 'i=1..3', '--quiet'),
      );
      assert.equal(stdout + stderr, '');
    }));
});
