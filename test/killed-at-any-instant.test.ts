import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inField, killQuietly, type Running, type SweepField } from './field/sweep-field.ts';

const ROWS = 300;
const KILLS = 4;
const SWEEP = [
  'run',
  ...['--range', `i=1..${ROWS}`, '--slots', '2', '--output', 'out', '--quiet'],
  ...['--', 'echo $i >> "$$HOME/runs"; sleep 0.005; echo result $i'],
];
/**
 * Rows that may be running, or have ended without being acknowledged, when a worker is killed: ends
 * that wait for one another, and those of a sync that a busy server has not answered yet.
 */
const MOST_UNDELIVERED = 100;
const PEACEFUL = Array.from({ length: ROWS }, (_, i) => `result ${i + 1}\n`).join('');
const SEED = Number(process.env.WINDROW_TEST_SEED ?? randomInt(2 ** 31));

/** Numbers in [0, 1) from a seed: mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How often the program of each row was started. */
function startsOf(field: SweepField): Map<string, number> {
  const starts = new Map<string, number>();
  for (const row of field.lines('home/runs')) starts.set(row, (starts.get(row) ?? 0) + 1);
  return starts;
}

/** The rows that the server has acknowledged as done, read from what it left behind. */
async function doneRows(field: SweepField): Promise<string[]> {
  const shown = await field.windrow(
    ...['show', '--state', 'out', '--tasks', '--only', 'done'],
    ...['--limit', String(ROWS), '--json'],
  );
  if (shown.code !== 0) return []; // killed before there was a job
  return JSON.parse(shown.stdout).tasks.map((task: { task: number }) => String(task.task + 1));
}

/** What the server acknowledged, and how often each of these rows had been started by then. */
class Acknowledged {
  readonly #seen: Map<string, number>[] = [];

  async look(field: SweepField): Promise<void> {
    const done = await doneRows(field);
    const starts = startsOf(field);
    for (const row of done) assert.ok(starts.has(row), `row ${row} is done and never ran`);
    this.#seen.push(new Map(done.map((row) => [row, starts.get(row)!])));
  }

  /** None of them was started after that. */
  assertNotRunAgain(field: SweepField): void {
    const starts = startsOf(field);
    for (const seen of this.#seen) {
      for (const [row, count] of seen) {
        assert.equal(starts.get(row), count, `row ${row} was done and ran again`);
      }
    }
  }
}

/** How the attempts of these rows ended, for the message of a failure. */
async function whyAgain(field: SweepField, rows: readonly string[]): Promise<string> {
  const shown = rows
    .slice(0, 5)
    .map((row) => field.windrow('show', `1.${Number(row) - 1}`, '--state', 'out'));
  return (await Promise.all(shown)).map(({ stdout }) => stdout).join('\n');
}

function assertComplete(field: SweepField): void {
  assert.equal(field.read('out/stdout'), PEACEFUL);
  assert.equal(startsOf(field).size, ROWS);
}

/** An instant: mostly amid the tasks, sometimes while the run starts or recovers. */
async function anyInstant(field: SweepField, run: Running, random: () => number): Promise<void> {
  const before = field.lines('home/runs').length;
  const more = random() < 0.75 ? Math.floor((random() * ROWS) / KILLS) : 0;
  const enough = Math.min(ROWS, before + more);
  await run.until('some tasks ran', () => field.lines('home/runs').length >= enough);
  await sleep(random() * 300);
}

async function killedAgainAndAgain(
  field: SweepField,
  random: () => number,
  alsoWorker: boolean,
): Promise<void> {
  const acknowledged = new Acknowledged();
  for (let kills = 0; kills < KILLS; kills++) {
    const run = field.start(SWEEP);
    await anyInstant(field, run, random);
    run.kill();
    const worker = field.worker();
    if (alsoWorker && worker) killQuietly(worker.pid);
    await run.ended;
    await acknowledged.look(field);
  }
  await field.must(0, ...SWEEP);
  assertComplete(field);
  acknowledged.assertNotRunAgain(field);
}

describe(`a sweep that is killed at any instant (WINDROW_TEST_SEED=${SEED})`, () => {
  it('runs no row twice when only the server is killed: its worker delivers to the next', () =>
    inField(async (field) => {
      await killedAgainAndAgain(field, randomFrom(SEED), false);
      const twice = [...startsOf(field)].filter(([, count]) => count !== 1).map(([row]) => row);
      assert.deepEqual(twice, [], await whyAgain(field, twice));
    }));

  it('collects every row once when server and worker are killed', () =>
    inField(async (field) => {
      await killedAgainAndAgain(field, randomFrom(SEED + 1), true);
      const repeated = [...startsOf(field).values()].reduce((sum, count) => sum + count - 1, 0);
      assert.ok(repeated <= KILLS * MOST_UNDELIVERED, `${repeated} rows were run again`);
    }));

  it('goes on with another worker when the worker is killed', () =>
    inField(async (field) => {
      const random = randomFrom(SEED + 2);
      const acknowledged = new Acknowledged();
      // However slow this test is, it finds a worker: no row beyond that one ends.
      const allow = (kills: number) => field.write('home/allowed', `${(kills * ROWS) / 3}\n`);
      allow(1);
      const command =
        'echo $i >> "$$HOME/runs"; until [ $i -le "$$(cat "$$HOME/allowed")" ]; do sleep 0.02; done; echo result $i';
      const run = field.start([...SWEEP.slice(0, -1), command]);
      for (let kills = 0; kills < 3; kills++) {
        await run.until('some tasks ran', () => field.lines('home/runs').length > kills * 60);
        await sleep(random() * 100);
        const worker = await run.until('a worker is there', () => field.worker());
        killQuietly(worker.pid);
        allow(kills + 2);
        await acknowledged.look(field);
      }
      const { code, stderr } = await run.ended;
      assert.equal(code, 0, stderr);
      assertComplete(field);
      acknowledged.assertNotRunAgain(field);
    }));

  it('lets programs go on that run while the server is dead, and takes their results', () =>
    inField(async (field) => {
      const sweep = ['run', '--range', 'i=1..2', '--slots', '2', '--output', 'out', '--quiet'];
      const command =
        'echo $i >> "$$HOME/runs"; while [ ! -e "$$HOME/go" ]; do sleep 0.05; done; echo $i';
      const run = field.start([...sweep, '--', command]);
      await run.until('both run', () => field.lines('home/runs').length === 2);
      run.kill();
      await run.ended;
      const again = field.start([...sweep, '--', command]);
      await again.until('the next server is there', () => field.has('out/.windrow/server.json'));
      field.write('home/go', '');
      const { code, stderr } = await again.ended;
      assert.equal(code, 0, stderr);
      assert.deepEqual(field.lines('home/runs').sort(), ['1', '2']);
      assert.equal(field.read('out/stdout'), '1\n2\n');
    }));
});
