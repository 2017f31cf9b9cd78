import assert from 'node:assert/strict';
import test from 'node:test';
import { EndsOverTime } from './ends-over-time.ts';

const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

test('every end is counted once, however long the job is and whenever it was stored', () => {
  let ends = new EndsOverTime();
  const startMs = 1_795_000_000_000;
  for (let second = 0; second < 5000; second++) {
    ends.add(startMs + second * 1000, second % 10 === 3 ? 'exit-code' : 'ok');
    if (second % 999 === 0) ends = EndsOverTime.fromJSON(JSON.parse(JSON.stringify(ends)));
  }
  const { fromMs, stepMs, ok, failed } = ends.toJSON()!;
  assert.deepEqual([fromMs, stepMs], [startMs, 32_000]);
  assert.deepEqual([ok.length, failed.length], [157, 157]);
  assert.deepEqual([sum(ok), sum(failed)], [4500, 500]);
  assert.equal(ok[0]! + failed[0]!, 32);
});

test('a pause of a year, and a clock that is set back, keep it small', () => {
  const ends = new EndsOverTime();
  const startMs = 1_795_000_000_000;
  ends.add(startMs, 'ok');
  ends.add(startMs + 366 * 86_400_000, 'timeout');
  ends.add(startMs - 3_600_000, 'ok');
  const { ok, failed } = ends.toJSON()!;
  assert.ok(ok.length <= 240);
  assert.equal(ok[0], 2);
  assert.equal(failed.at(-1), 1);
});

test('what was nobody’s fault is no end', () => {
  const ends = new EndsOverTime();
  for (const cause of ['worker-lost', 'cancelled', 'superseded', 'held'] as const) {
    ends.add(1000, cause);
  }
  assert.equal(ends.toJSON(), null);
});
