import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { afterFailure } from './retry.ts';

const spec = { retries: 2, retryByCause: {} };

describe('what becomes of a task after a bad end', () => {
  it('is tried again within the budget of the program', () => {
    assert.equal(afterFailure('exit-code', { 'exit-code': 2 }, spec).next, 'wait');
    assert.equal(afterFailure('exit-code', { 'exit-code': 3 }, spec).next, 'fail');
    assert.equal(afterFailure('signal', { 'exit-code': 2, signal: 1 }, spec).next, 'fail');
  });

  it('draws on a budget of its own where the cause has one, and on that alone', () => {
    const own = { retries: 0, retryByCause: { timeout: 1 } };
    assert.equal(afterFailure('timeout', { timeout: 1 }, own).next, 'wait');
    assert.equal(afterFailure('timeout', { timeout: 2 }, own).next, 'fail');
    assert.equal(afterFailure('exit-code', { timeout: 1, 'exit-code': 1 }, own).next, 'fail');
  });

  it('uses no budget for a lost worker, but holds a task that loses every worker', () => {
    assert.deepEqual(afterFailure('worker-lost', { 'worker-lost': 9 }, spec), {
      next: 'wait',
      delayMs: 0,
    });
    assert.equal(afterFailure('worker-lost', { 'worker-lost': 10 }, spec).next, 'hold');
  });

  it('uses no budget for what a worker gives back, but holds a task that never can end', () => {
    assert.equal(afterFailure('cancelled', { cancelled: 19 }, spec).next, 'wait');
    assert.equal(afterFailure('cancelled', { cancelled: 20 }, spec).next, 'hold');
  });

  it('waits longer each time when the machine is to blame', () => {
    const delays = [1, 2, 3].map((times) => {
      const verdict = afterFailure('stage-in', { 'stage-in': times }, spec);
      return verdict.next === 'wait' ? verdict.delayMs : -1;
    });
    assert.deepEqual(delays, [500, 1000, 2000]);
    assert.equal(afterFailure('stage-in', { 'stage-in': 4 }, spec).next, 'fail');
  });
});
