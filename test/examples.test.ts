import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { type Installation, installForTest } from './installed-program.ts';

let place: Installation;
before(() => {
  place = installForTest();
});
after(() => place.remove());

const example = (...parts: string[]) => join(place.directory, 'examples', ...parts);
const read = (...parts: string[]) => readFileSync(example(...parts), 'utf8');

async function succeed(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.run(...argv);
  assert.equal(code, 0, `${argv.join(' ')} ended with ${code}:\n${stderr}`);
  return stdout;
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((directory) => {
    return statSync(join(directory, program), { throwIfNoEntry: false })?.isFile() ?? false;
  });
}

interface Measured {
  readonly compressor: string;
  readonly level: number;
  readonly file: string;
  readonly original_bytes: number;
  readonly compressed_bytes: number;
}

describe('the example of compressors', () => {
  it('finds the best of the installed ones on real files, in one command', async () => {
    const said = await succeed('examples/compressors/run.sh');
    const installed = ['gzip', 'bzip2', 'xz', 'zstd'].filter(isInstalled);
    const database = new DatabaseSync(example('compressors', 'results', 'results.sqlite'), {
      readOnly: true,
    });
    const rows = database.prepare('SELECT * FROM results').all() as unknown as Measured[];
    database.close();
    const [best, fastest] = said.trim().split('\n').slice(-2);

    assert.deepEqual([...new Set(rows.map((row) => row.compressor))], installed);
    assert.equal(rows.length, read('compressors', 'table.csv').trim().split('\n').length - 1);
    for (const row of rows) assert.equal(row.original_bytes, statSync(row.file).size);
    assert.equal(rows[0]!.compressed_bytes, gzipped(rows[0]!));
    assert.equal(read('compressors', 'results', 'results.csv').split('\n').length, rows.length + 2);
    assert.equal(best!.replace(/ \(.*/, ''), `best ratio: ${smallest(rows)}`);
    assert.match(fastest!, /^fastest: \w+ -\d+ \(\d+\.\d MB\/s\)$/);
  });

  it('does nothing again when nothing changed', async () => {
    const said = await succeed(
      'bin/windrow',
      'run',
      'examples/compressors/sweep.toml',
      '--why-rerun',
    );
    const rows = read('compressors', 'table.csv').trim().split('\n').length - 1;
    assert.match(said, new RegExp(`^${rows} tasks: ${rows} kept, 0 to run`));
  });
});

function gzipped({ file, level }: Measured): number {
  return execFileSync('gzip', ['-c', `-${level}`], { input: readFileSync(file) }).length;
}

/** The compressor and level with the fewest bytes over all files. */
function smallest(rows: readonly Measured[]): string {
  const bytes = new Map<string, number>();
  for (const { compressor, level, compressed_bytes } of rows) {
    const key = `${compressor} -${level}`;
    bytes.set(key, (bytes.get(key) ?? 0) + compressed_bytes);
  }
  return [...bytes].reduce((least, one) => (one[1] < least[1] ? one : least))[0];
}

describe('the example of pi', () => {
  it('gets every seed once from a program that fails in three ways', async () => {
    await succeed('bin/windrow', 'run', 'examples/pi/sweep.toml');
    const blocks = read('pi', 'results', 'hits.blocks');
    const seeds = [...blocks.matchAll(/^#windrow .*"seed":"(\d+)"/gm)].map((match) => match[1]);
    const stats = JSON.parse(await succeed(...statsOf('pi')));
    const pi = Number(await succeed('examples/pi/sum.sh', 'examples/pi/results/hits.blocks'));

    assert.deepEqual(
      seeds,
      Array.from({ length: 60 }, (_, index) => String(index + 1)),
    );
    assert.equal(stats.causes.ok, 60);
    for (const cause of ['exit-code', 'signal', 'missing-result']) {
      assert.ok(stats.causes[cause] > 0, `no attempt ended with ${cause}`);
    }
    assert.ok(Math.abs(pi - Math.PI) < 0.005, `${pi} is not pi`);
  });
});

function statsOf(name: string): string[] {
  return ['bin/windrow', 'stats', '--json', '--state', `examples/${name}/results/.windrow`];
}

describe('the example of pendulums', () => {
  it('swings as the elliptic integral says, from decks and input files made by templates', async () => {
    await succeed('bin/windrow', 'run', 'examples/pendulum/sweep.toml');
    const lines = read('pendulum', 'results', 'collected').trim().split('\n').slice(1);
    const rows = lines.map((line) => line.split('\t'));

    assert.equal(rows.length, 7);
    assert.deepEqual(rows[6]!.slice(0, 3), ['the comet "67P"', '0.5', '10']);
    for (const [place, , amplitude, , ratio] of rows) {
      const expected = swing((Number(amplitude) * Math.PI) / 180);
      assert.ok(Math.abs(Number(ratio) - expected) < 2e-5, `${place}: ${ratio}, not ${expected}`);
    }
  });
});

/** Period over that of small swings: 1/agm(1, cos(amplitude/2)), after Gauss. */
function swing(amplitude: number): number {
  let [a, b] = [1, Math.cos(amplitude / 2)];
  while (Math.abs(a - b) > 1e-12) [a, b] = [(a + b) / 2, Math.sqrt(a * b)];
  return 1 / a;
}

it('every example says how it is run', () => {
  for (const name of readdirSync(example())) {
    assert.match(read(name, 'README.md'), /^# .+\n\n {4}\S/, `examples/${name}/README.md`);
  }
});
