import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TrapCategory, TrapRecord } from '#model';
import {
  clear,
  event,
  openCollector,
  raise,
  rememberedFrom,
  silence,
} from '../testing/collector.ts';
import type { Collector } from './collector.ts';

const messages = (traps: readonly TrapRecord[]) => traps.map(({ message }) => message);
const REST_MS = 11 * 60_000;

/** A full collector: what is worse than `disk` holds all of its places. */
function crowded() {
  const opened = openCollector({ maxTraps: 2 });
  const { collector } = opened;
  collector.accept(raise('disk', 1));
  for (const condition of ['a', 'b']) collector.accept(raise(condition, 3));
  assert.deepEqual(messages(collector.all()), ['a is bad', 'b is bad']);
  return opened;
}

describe('time', () => {
  it('changes something only while a trap waits, a silence holds or a node promised to be heard of', () => {
    const quiet = openCollector();
    quiet.collector.accept(raise('disk', 1));
    assert.equal(quiet.collector.tick(), false);
    assert.equal(crowded().collector.tick(), true);
    quiet.collector.silence(silence({ endsAtMs: quiet.clock.now() + 1000 }));
    assert.equal(quiet.collector.tick(), true);
    quiet.clock.advance(1000);
    assert.equal(quiet.collector.tick(), false);
    quiet.collector.observe({ node: 'oss1', heartbeatMs: 60_000 });
    assert.equal(quiet.collector.tick(), true);
    quiet.collector.observe({ node: 'oss1', heartbeatMs: 0 });
    assert.equal(quiet.collector.tick(), false);
  });

  it('is minded at once when it begins to change something, not with the next tick of one at rest', () => {
    let calls = 0;
    const { collector, clock } = openCollector({ maxTraps: 1, onTimely: () => calls++ });
    const rests = (): number => {
      clock.advance(400 * 86_400_000);
      while (collector.tick()) clock.advance(1000);
      return calls;
    };
    collector.accept(raise('disk', 1));
    assert.equal(rests(), 0);
    collector.silence(silence({ endsAtMs: clock.now() + 1000 }));
    collector.silence(silence({ id: 's2', endsAtMs: clock.now() + 1000 }));
    assert.equal(rests(), 1);
    collector.observe({ node: 'oss1', heartbeatMs: 60_000 });
    assert.equal(calls, 2);
    collector.observe({ node: 'oss1', heartbeatMs: 0 });
    assert.equal(rests(), 2);
    collector.accept(raise('worse', 3));
    assert.equal(calls, 3);
    assert.deepEqual(
      collector.holding().map(({ condition }) => condition),
      ['worse', 'disk'],
    );
  });
});

describe('a condition that had to give way to worse ones', () => {
  it('is told again under its id when what was worse is long over', () => {
    const { collector, clock } = crowded();
    collector.accept(clear('a'));
    const { mark } = collector.since(0);
    collector.tick();
    assert.deepEqual(
      collector.since(mark).traps,
      [],
      'the end of the worse one is told for a while',
    );
    clock.advance(REST_MS);
    collector.tick();
    const { traps } = collector.since(mark);
    assert.deepEqual(messages(traps), ['disk is bad']);
    assert.equal(collector.get(traps[0]!.id)?.over, null);
    assert.equal(collector.counters.returned, 1);
    collector.tick();
    assert.equal(collector.counters.returned, 1);
  });

  it('is told again at once when what was worse is silenced', () => {
    const { collector } = crowded();
    const mark = collector.lastMark();
    collector.silence(silence({ message: 'a *' }));
    collector.tick();
    assert.deepEqual(messages(collector.since(mark).traps), ['disk is bad']);
  });

  it('is counted while it waits, and its end and its getting worse are known', () => {
    const { collector, clock } = crowded();
    assert.equal(collector.accept(raise('disk', 1, { atMs: 5 })), 'suppressed');
    assert.equal(collector.accept(raise('disk', 2, { atMs: 6 })), 'stored');
    assert.equal(collector.accept(clear('disk', { atMs: 7 })), 'dropped');
    collector.accept(clear('a'));
    clock.advance(REST_MS);
    collector.tick();
    assert.ok(!messages(collector.all()).includes('disk is bad'));
  });

  it('waits also when it came too late to be told even once, events do not', () => {
    const { collector, clock } = openCollector({ maxTraps: 1 });
    collector.accept(raise('worse', 3));
    assert.equal(collector.accept(raise('disk', 1)), 'stored');
    assert.equal(collector.accept(event('said', 1)), 'dropped');
    collector.accept(clear('worse'));
    clock.advance(REST_MS);
    collector.tick();
    assert.deepEqual(messages(collector.all()), ['disk is bad']);
  });

  it('waits no longer than it holds, and not while it is silenced', () => {
    const { collector, clock } = crowded();
    collector.silence(silence({ message: 'disk*', endsAtMs: clock.now() + 2 * REST_MS }));
    collector.accept(clear('a'));
    clock.advance(REST_MS);
    collector.tick();
    assert.ok(!messages(collector.all()).includes('disk is bad'));
    clock.advance(REST_MS);
    collector.tick();
    assert.ok(messages(collector.since(0).traps).includes('disk is bad'));
  });

  it('waits still after a restart', () => {
    const first = crowded();
    const remembered = rememberedFrom(first.collector);
    assert.deepEqual(messages(remembered.waiting), ['disk is bad']);
    const { collector } = openCollector({ maxTraps: 2, remembered, clock: first.clock });
    collector.accept(clear('a'));
    first.clock.advance(REST_MS);
    collector.tick();
    assert.ok(messages(collector.all()).includes('disk is bad'));
  });

  it('is never more than as many as are kept, and comes back by itself whatever happens', () => {
    const step = fc.tuple(
      fc.constantFrom('raise', 'clear', 'event', 'tick'),
      fc.nat(12),
      fc.nat(3),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { collector, clock } = openCollector({ maxTraps: 4 });
        const holding = new Set<string>();
        steps.forEach(([kind, number, category], index) => {
          const name = `c${number}`;
          if (kind === 'tick') collector.tick();
          else if (kind === 'event')
            collector.accept(event(`e ${index}`, category as TrapCategory));
          else if (kind === 'raise') {
            collector.accept(raise(name, category as TrapCategory, { atMs: index }));
            holding.add(name);
          } else {
            collector.accept(clear(name, { atMs: index }));
            holding.delete(name);
          }
          clock.advance(1000);
        });
        clock.advance(REST_MS);
        for (let tick = 0; tick < 10; tick++) collector.tick();
        for (const name of shownHolding(collector)) assert.ok(holding.has(name), name);
        // No place is taken by what is over while something that holds waits.
        const { stored, evicted, returned } = collector.counters.values();
        assert.ok(stored - evicted + returned >= collector.size);
        const isCrowded = collector.all().every(({ kind, over }) => kind !== 'clear' && !over);
        if (holding.size <= 4 && !isCrowded) {
          assert.equal(shownHolding(collector).length, holding.size);
        }
      }),
    );
  });
});

function shownHolding(collector: Collector): string[] {
  return collector
    .all()
    .filter(({ kind, over }) => kind === 'raise' && over === null)
    .map(({ condition }) => condition);
}
