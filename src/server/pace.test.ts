import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countEnd, type RecentEnds, rateOf } from './pace.ts';

test('the pace is that of the last minute, and no more is kept although nobody asks', () => {
  const recent: RecentEnds = new Map();
  for (let second = 0; second < 1000; second++) {
    for (let end = 0; end < (second < 900 ? 50 : 2); end++) countEnd(recent, second * 1000 + end);
  }
  assert.equal(recent.size, 61);
  assert.deepEqual(rateOf(recent, 100, 999_900), { ratePerSecond: 2, etaMs: 50_000 });
  assert.deepEqual(rateOf(recent, 100, 2_000_000), { ratePerSecond: 0, etaMs: null });
  assert.equal(recent.size, 0);
});
