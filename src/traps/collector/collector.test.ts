import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '#base';
import type { TrapCategory, TrapRecord } from '#model';
import {
  clear,
  event,
  NOW_MS,
  openCollector,
  raise,
  rememberedFrom,
} from '../testing/collector.ts';
import type { Collector } from './collector.ts';
import { FATES } from './counters.ts';

const messages = (traps: readonly TrapRecord[]) => traps.map(({ message }) => message);

function addUp(collector: Collector): void {
  const values = collector.counters.values();
  const sum = FATES.reduce((total, fate) => total + values[fate], 0);
  assert.equal(values.received, sum);
}

describe('a monitor that passes its mark back', () => {
  it('sees each of many traps of one second exactly once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('trap', 'ask', 'wait'), { maxLength: 200 }), (steps) => {
        const { collector, clock } = openCollector();
        const seen: string[] = [];
        const marks: number[] = [];
        let mark = 0;
        const ask = () => {
          const told = collector.since(mark);
          seen.push(...messages(told.traps));
          mark = told.mark;
          marks.push(mark);
        };
        let sent = 0;
        for (const step of steps) {
          if (step === 'trap') collector.accept(event(`trap ${sent++}`));
          else if (step === 'ask') ask();
          else clock.advance(300);
        }
        ask();
        assert.deepEqual(
          seen,
          Array.from({ length: sent }, (_, i) => `trap ${i}`),
        );
        marks.reduce((before, now) => {
          assert.ok(now >= before);
          return now;
        }, 0);
      }),
    );
  });

  it('gets a greater mark whenever there is something new, although the clock stands or goes back', () => {
    const { collector, clock } = openCollector();
    let last = collector.lastMark();
    for (let i = 0; i < 50; i++) {
      collector.accept(event(`trap ${i}`));
      clock.advance(i % 2 === 0 ? -5000 : 0);
      const { mark, traps } = collector.since(last);
      assert.deepEqual(messages(traps), [`trap ${i}`]);
      assert.ok(mark > last);
      assert.equal(collector.lastMark(), mark);
      last = mark;
    }
  });

  it('may ask with a time: marks are seconds of the clock while monitors ask seldom', () => {
    const { collector, clock } = openCollector();
    collector.accept(event('old'));
    collector.lastMark();
    clock.advance(60_000);
    collector.accept(event('new'));
    assert.deepEqual(messages(collector.since(NOW_MS / 1000 + 30).traps), ['new']);
    assert.equal(collector.lastMark(), NOW_MS / 1000 + 60);
  });

  it('gets all that is kept with a mark of before, or of another life', () => {
    const { collector } = openCollector({ maxTraps: 3 });
    for (let i = 0; i < 5; i++) collector.accept(event(`trap ${i}`));
    const all = ['trap 2', 'trap 3', 'trap 4'];
    for (const mark of [0, -1, -(2 ** 31), 1, NOW_MS / 1000 + 1_000_000, 2 ** 31 - 1]) {
      assert.deepEqual(messages(collector.since(mark).traps), all, String(mark));
    }
  });

  it('is served beyond January 2038, when seconds do not fit into 31 bits', () => {
    for (const startMs of [(2 ** 31 - 3) * 1000, 2 ** 31 * 1000, (2 ** 31 + 5) * 1000]) {
      const clock = new ManualClock(startMs);
      const { collector } = openCollector({ clock });
      let mark = 0;
      for (let i = 0; i < 10; i++) {
        collector.accept(event(`trap ${i}`));
        const told = collector.since(mark);
        // When the numbers begin anew it is told everything again, and never misses anything.
        assert.ok(messages(told.traps).includes(`trap ${i}`));
        mark = told.mark;
        assert.ok(mark > 0 && mark < 2 ** 31, String(mark));
        clock.advance(1000);
      }
      assert.deepEqual(collector.since(mark).traps, []);
    }
  });

  it('goes on after a restart that remembers, as if nothing had been', () => {
    const first = openCollector();
    for (let i = 0; i < 20; i++) {
      first.collector.accept(event(`trap ${i}`));
      first.collector.lastMark();
    }
    const { mark } = first.collector.since(0);
    first.collector.accept(event('unseen'));
    const remembered = rememberedFrom(first.collector);
    const { collector } = openCollector({ remembered, clock: first.clock });
    collector.accept(event('later'));
    assert.deepEqual(messages(collector.since(mark).traps), ['unseen', 'later']);
    assert.deepEqual(collector.since(collector.lastMark()).traps, []);
  });

  it('asks by id: what came after a trap, all for one that is not known', () => {
    const { collector } = openCollector();
    for (let i = 0; i < 4; i++) collector.accept(event(`trap ${i}`));
    const ids = collector.all().map(({ id }) => id);
    assert.deepEqual(messages(collector.after(ids[1]!)), ['trap 2', 'trap 3']);
    assert.deepEqual(collector.after(ids[3]!), []);
    assert.equal(collector.after('unknown').length, 4);
    assert.equal(collector.after('').length, 4);
  });
});

describe('an id', () => {
  it('is the same in collectors whose clocks differ, in whatever order reports come', () => {
    const one = openCollector({ clock: new ManualClock(NOW_MS) }).collector;
    const other = openCollector({ clock: new ManualClock(NOW_MS + 30_000) }).collector;
    const reports = [
      raise('a', 2, { sequence: '1', boot: 'b1', atMs: 5 }),
      clear('a', { sequence: '2', boot: 'b1', atMs: 6 }),
      event('said twice', 1, { atMs: NOW_MS }),
      event('said twice', 1, { atMs: NOW_MS }),
      event('said twice', 1, { atMs: NOW_MS + 1 }),
    ];
    for (const report of reports) one.accept(report);
    for (const report of reports.slice(0, 2).reverse()) other.accept(report);
    for (const report of reports.slice(2).reverse()) other.accept(report);
    const idsOf = (collector: Collector) =>
      collector
        .all()
        .filter(({ kind }) => kind !== 'event')
        .map(({ id }) => id);
    assert.deepEqual(idsOf(one).sort(), idsOf(other).sort());
    const said = [one, other].map((collector) => collector.all().find((trap) => trap.count === 3));
    assert.equal(said[0]?.message, said[1]?.message);
  });

  it('differs with node, boot, condition, sequence and between an end and what it ends', () => {
    const { collector } = openCollector();
    const base = { sequence: '1', boot: 'b' };
    collector.accept(raise('a', 2, base));
    collector.accept(raise('a', 2, { ...base, node: 'node2' }));
    collector.accept(raise('b', 2, base));
    collector.accept(clear('a', base));
    collector.accept(raise('a', 3, { ...base, sequence: '2' }));
    collector.accept(raise('a', 2, { ...base, boot: 'c' }));
    assert.equal(new Set(collector.all().map(({ id }) => id)).size, 6);
  });

  it('that was seen is a duplicate, also after a restart and when the trap is not kept any more', () => {
    const first = openCollector({ maxTraps: 2 });
    const report = raise('a', 0, { sequence: '1' });
    assert.equal(first.collector.accept(report), 'stored');
    assert.equal(first.collector.accept(report), 'duplicate');
    first.collector.accept(event('worse', 3));
    first.collector.accept(event('much worse', 3));
    assert.equal(first.collector.accept(report), 'duplicate');
    const { collector } = openCollector({ remembered: rememberedFrom(first.collector) });
    assert.equal(collector.accept(report), 'duplicate');
  });
});

describe('a condition', () => {
  it('is told when it begins, gets worse, says something else, and ends', () => {
    const { collector } = openCollector();
    const fates = [
      raise('disk', 1),
      raise('disk', 1),
      raise('disk', 2),
      raise('disk', 2, { message: 'two disks' }),
      clear('disk'),
      clear('disk'),
      raise('disk', 1),
    ].map((report, index) => collector.accept({ ...report, atMs: index }));
    const expected = ['stored', 'suppressed', 'stored', 'stored', 'stored', 'suppressed', 'stored'];
    assert.deepEqual(fates, expected);
    const held = collector.all().filter(({ over, kind }) => over === null && kind === 'raise');
    assert.deepEqual(messages(held), ['disk is bad']);
    const [first] = collector.all();
    assert.deepEqual([first!.count, first!.lastAtMs, first!.over?.by], [2, 1, 'newer']);
    addUp(collector);
  });

  it('is another one on another node or file system', () => {
    const { collector } = openCollector();
    collector.accept(raise('disk'));
    collector.accept(raise('disk', 2, { node: 'node2' }));
    collector.accept(raise('disk', 2, { fileSystem: 'fs1' }));
    collector.accept(clear('disk'));
    const held = collector.all().filter(({ over, kind }) => over === null && kind === 'raise');
    assert.deepEqual(
      held.map(({ node, fileSystem }) => [node, fileSystem]),
      [
        ['node2', ''],
        ['node1', 'fs1'],
      ],
    );
  });
});

describe('an event', () => {
  it('that repeats is folded for a while, then told again', () => {
    const { collector, clock } = openCollector({ foldMs: 60_000 });
    for (let i = 0; i < 100; i++) {
      collector.accept(event('again', 1, { atMs: NOW_MS + i }));
      clock.advance(1000);
    }
    const counts = collector.all().map(({ count }) => count);
    assert.deepEqual(counts, [60, 40]);
    addUp(collector);
  });

  it('says how often it happened when its source folds by itself', () => {
    const { collector } = openCollector();
    collector.accept(event('again', 1, { atMs: 1 }));
    collector.accept(event('again', 1, { atMs: 2, count: 17 }));
    assert.equal(collector.all()[0]!.count, 18);
  });
});

describe('what is kept', () => {
  it('is at most so many; lower categories give way first, then what is over, then the oldest', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.boolean()), { maxLength: 60 }),
        fc.integer({ min: 1, max: 8 }),
        (steps, maxTraps) => {
          const { collector } = openCollector({ maxTraps });
          const sent: { category: number; index: number }[] = [];
          steps.forEach(([category], index) => {
            collector.accept(event(`trap ${index}`, category as TrapCategory));
            sent.push({ category, index });
          });
          const expected = sent
            .sort((a, b) => b.category - a.category || b.index - a.index)
            .slice(0, maxTraps)
            .map(({ index }) => `trap ${index}`);
          assert.deepEqual(messages(collector.all()).sort(), expected.sort());
          addUp(collector);
        },
      ),
    );
  });

  it('holds a Fatal however hard it storms', () => {
    const { collector } = openCollector();
    collector.accept(event('the end', 3));
    for (let i = 0; i < 10_000; i++) collector.accept(event(`noise ${i}`, (i % 3) as TrapCategory));
    assert.equal(collector.size, 250);
    assert.equal(messages(collector.all())[0], 'the end');
    const { stored, dropped, evicted } = collector.counters.values();
    assert.equal(stored + dropped, 10_001);
    assert.equal(stored - evicted, 250);
  });

  it('lets go what is over before what holds, and the end of a thing weighs as the thing', () => {
    const { collector } = openCollector({ maxTraps: 4 });
    collector.accept(raise('a', 2));
    collector.accept(raise('b', 2));
    collector.accept(clear('a'));
    collector.accept(raise('c', 2));
    collector.accept(raise('d', 2));
    assert.deepEqual(messages(collector.all()), ['b is bad', 'a is well', 'c is bad', 'd is bad']);
    assert.equal(collector.accept(event('whatever', 0)), 'dropped');
    collector.accept(raise('e', 2));
    assert.ok(!messages(collector.all()).includes('a is well'));
  });
});
