import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { costOf } from './cost.ts';

const rates = {
  currency: 'EUR',
  cpuHour: 0.04,
  memoryGibHour: 0.005,
  outgoingGb: 0.09,
  incomingGb: 0,
};

describe('what a job would have cost', () => {
  it('is its CPU time, memory and traffic with others, each by its price', () => {
    const cost = costOf(
      {
        attempts: 3,
        networkAttempts: 3,
        cpuMs: 2.5 * 3_600_000,
        memoryGibHours: 100,
        network: { OutgoingExternal: 20e9, OutgoingInternal: 1e12, IncomingExternal: 7e9 },
      },
      rates,
    )!;
    assert.deepEqual(
      cost.lines.map(({ what, amount, cost: price }) => [what, amount, price.toFixed(4)]),
      [
        ['cpu', 2.5, '0.1000'],
        ['memory', 100, '0.5000'],
        ['outgoing', 20, '1.8000'],
      ],
    );
    assert.equal(cost.total.toFixed(4), '2.4000');
    assert.equal(cost.trafficUnknown, 0);
  });

  it('leaves out what was not measured, and says so', () => {
    const figures = { attempts: 5, networkAttempts: 2, cpuMs: null, memoryGibHours: null };
    const { lines, total, trafficUnknown } = costOf({ ...figures, network: null }, rates)!;
    assert.deepEqual(
      lines.map(({ amount }) => amount),
      [null, null, null],
    );
    assert.deepEqual([total, trafficUnknown], [0, 3]);
  });

  it('cannot be told where nothing has a price', () => {
    const free = { currency: '', cpuHour: 0, memoryGibHour: 0, outgoingGb: 0, incomingGb: 0 };
    const figures = { attempts: 1, networkAttempts: 0, cpuMs: 1, memoryGibHours: 1, network: null };
    assert.equal(costOf(figures, free), null);
  });
});
