import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffMs } from './backoff.ts';
import {
  type DemandView,
  gatherMs,
  giveBackAfterMs,
  isCheapToDrain,
  MOST_PREFETCHED,
  outOfStep,
  pollDelayMs,
  RecentTimes,
  readyTarget,
  wantedAttempts,
} from './demand.ts';

const fresh: DemandView = {
  slots: 4,
  taken: 0,
  queued: 0,
  medianMs: undefined,
  youngestMs: undefined,
  untoldMs: 0,
  closed: false,
};

test('a worker that knows nothing yet asks for its free slots only', () => {
  assert.equal(wantedAttempts(fresh), 4);
  assert.equal(wantedAttempts({ ...fresh, taken: 3 }), 1);
});

test('work is kept ready for a second or two, of a second one for each slot', () => {
  const busy = { ...fresh, taken: 4, medianMs: 10, youngestMs: 5 };
  assert.equal(readyTarget(busy), 800);
  assert.equal(wantedAttempts({ ...busy, queued: 760 }), 40);
  assert.equal(readyTarget({ ...busy, medianMs: 1000 }), 4);
  assert.equal(readyTarget({ ...busy, slots: 1, taken: 1, medianMs: 2900 }), 1);
});

test('of attempts so short that they are told of together twice as much is kept ready', () => {
  const busy = { ...fresh, taken: 4, youngestMs: 5 };
  assert.equal(readyTarget({ ...busy, medianMs: 100 }), 80);
  assert.equal(readyTarget({ ...busy, medianMs: 250 }), 32);
  assert.equal(readyTarget({ ...busy, medianMs: 260 }), 16);
});

test('attempts of three seconds and more are never kept ready', () => {
  assert.equal(wantedAttempts({ ...fresh, taken: 4, medianMs: 3000 }), 0);
});

test('ends gather while there is work, and are told at once when there is none', () => {
  const busy = { ...fresh, taken: 4, medianMs: 10, youngestMs: 5 };
  assert.equal(gatherMs({ ...busy, medianMs: 100, queued: 80 }), 750);
  assert.equal(gatherMs({ ...busy, queued: 800 }), 160, 'no more than a few that a kill may cost');
  assert.equal(gatherMs({ ...busy, queued: 440 }), 100);
  for (const queued of [0, 10, 400]) assert.equal(gatherMs({ ...busy, queued }), 2);
  assert.equal(gatherMs(fresh), 2);
});

test('workers that began together gather for different times, none longer than it may', () => {
  assert.deepEqual([outOfStep(400, () => 0), outOfStep(400, () => 1)], [300, 400]);
});

test('a poll is opened at once by a worker that wants something, later by one that has enough', () => {
  const busy = { ...fresh, taken: 4, medianMs: 200, youngestMs: 5 };
  assert.equal(pollDelayMs({ ...busy, queued: 0 }), 0);
  assert.equal(pollDelayMs({ ...busy, queued: 20 }), 0);
  assert.equal(pollDelayMs({ ...busy, queued: 21 }), 400);
  assert.equal(pollDelayMs({ ...busy, queued: 40 }), 400);
  assert.equal(pollDelayMs({ ...busy, queued: 70, medianMs: 100, untoldMs: 750 }), 950);
  assert.equal(pollDelayMs({ ...busy, queued: 40, medianMs: 2000 }), 1000);
  assert.equal(pollDelayMs(fresh), 0);
});

test('what waits goes back when it waits much longer than attempts take', () => {
  assert.equal(giveBackAfterMs(undefined), 2000);
  assert.equal(giveBackAfterMs(100), 4000);
  assert.equal(giveBackAfterMs(2500), 5000);
  assert.equal(giveBackAfterMs(1e6), 6000);
});

test('slots full of long attempts fetch no queue although all before were quick', () => {
  assert.equal(wantedAttempts({ ...fresh, taken: 4, medianMs: 1, youngestMs: 2000 }), 0);
});

test('a closed worker wants nothing', () => {
  assert.equal(wantedAttempts({ ...fresh, closed: true, medianMs: 1 }), 0);
});

test('demand is a whole number that one answer can satisfy, whatever the view', () => {
  const view = fc.record({
    slots: fc.nat(4096),
    taken: fc.double({ min: 0, max: 5000, noNaN: true }),
    queued: fc.nat(10_000),
    medianMs: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true }), { nil: undefined }),
    youngestMs: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true }), { nil: undefined }),
    untoldMs: fc.nat(2000),
    closed: fc.boolean(),
  });
  fc.assert(
    fc.property(view, (any) => {
      const wanted = wantedAttempts(any);
      assert.ok(Number.isSafeInteger(wanted) && wanted >= 0);
      assert.ok(wanted <= any.slots + MOST_PREFETCHED);
      assert.ok(gatherMs(any) >= 2 && gatherMs(any) <= 750);
      assert.ok(pollDelayMs(any) >= 0 && pollDelayMs(any) <= 1000);
    }),
  );
});

test('the median of recent times is not moved by one odd attempt', () => {
  const times = new RecentTimes();
  assert.equal(times.medianMs(), undefined);
  for (let count = 0; count < 100; count++) times.add(5);
  times.add(1e6);
  assert.equal(times.medianMs(), 5);
});

test('delays double from 100 ms to the limit and are half random', () => {
  assert.deepEqual(
    [1, 2, 3, 7, 50].map((failures) => backoffMs(failures, () => 0)),
    [50, 100, 200, 2500, 2500],
  );
  assert.equal(backoffMs(50, () => 0.999999) < 5000, true);
});

test('a worker gives way at once when nothing runs, soon while attempts are short, not amid hours', () => {
  assert.equal(isCheapToDrain(undefined, 0), true);
  assert.equal(isCheapToDrain(3_600_000, 0), true);
  assert.equal(isCheapToDrain(100, 50), true);
  assert.equal(isCheapToDrain(100, 3_600_000), false);
  assert.equal(isCheapToDrain(3_600_000, 50), false);
  assert.equal(isCheapToDrain(undefined, 50), false);
});
