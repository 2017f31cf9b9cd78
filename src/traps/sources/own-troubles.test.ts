import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { event, openCollector, raise, rememberedFrom } from '../testing/collector.ts';
import { OwnTroubles } from './own-troubles.ts';

describe('a trouble of the collector', () => {
  it('is told by each life anew, and over with the next that does not have it', () => {
    const first = openCollector();
    const own = new OwnTroubles(first.collector, 'here', 'one');
    own.tell(1, 'trap file unreadable', 'it cannot be read');
    first.collector.accept(raise('disk'));
    first.collector.accept(event('happened'));
    const remembered = rememberedFrom(first.collector);
    const { collector } = openCollector({ remembered, clock: first.clock });
    const next = new OwnTroubles(collector, 'here', 'two');
    next.endEarlier(collector.holding());
    assert.equal(collector.all().at(-1)!.message, 'not any more: it cannot be read');
    const held = () => collector.holding().map(({ condition }) => condition);
    assert.deepEqual(held(), ['disk']);
    next.tell(1, 'trap file unreadable', 'it cannot be read');
    assert.deepEqual(held(), ['disk', 'trap file unreadable']);
  });
});
