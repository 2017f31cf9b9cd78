import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '#base';
import type { TrapRecord } from '#model';
import {
  clear,
  event,
  NOW_MS,
  openCollector,
  raise,
  rememberedFrom,
  silence,
} from '../testing/collector.ts';
import type { Collector } from './collector.ts';
import { FATES } from './counters.ts';

const messages = (traps: readonly TrapRecord[]) => traps.map(({ message }) => message);

function addUp(collector: Collector): void {
  const values = collector.counters.values();
  const sum = FATES.reduce((total, fate) => total + values[fate], 0);
  assert.equal(values.received, sum);
}

describe('an acknowledgement', () => {
  it('lasts until the condition clears or gets worse', () => {
    const { collector } = openCollector();
    collector.accept(raise('a', 2));
    const [trap] = collector.all();
    assert.equal(collector.acknowledge(trap!.id, 'ada', 'on it'), true);
    collector.accept(raise('a', 2));
    collector.accept(raise('a', 1));
    assert.equal(collector.all().at(-1)!.acknowledged?.by, 'ada');
    collector.accept(raise('a', 3));
    assert.equal(collector.all().at(-1)!.acknowledged, null);
    collector.acknowledge(collector.all().at(-1)!.id, 'ada', '');
    collector.accept(clear('a'));
    collector.accept(raise('a', 3, { atMs: 1 }));
    assert.equal(collector.all().at(-1)!.acknowledged, null);
  });

  it('is only of something that holds, and can be taken back', () => {
    const { collector } = openCollector();
    collector.accept(raise('a', 2));
    collector.accept(clear('a'));
    for (const { id } of collector.all()) assert.equal(collector.acknowledge(id, '', ''), false);
    assert.equal(collector.acknowledge('unknown', '', ''), false);
    collector.accept(raise('b', 2));
    const { id } = collector.all().at(-1)!;
    collector.acknowledge(id, '', '');
    assert.equal(collector.withdrawAcknowledgement(id), true);
    assert.equal(collector.withdrawAcknowledgement(id), false);
  });
});

describe('a silence', () => {
  it('hides what fits it, and what still holds is told when it ends', () => {
    const { collector, clock } = openCollector();
    const before = collector.lastMark();
    collector.accept(raise('seen', 2, { node: 'rack7-3' }));
    collector.silence(silence({ node: 'RACK7-*' }));
    assert.deepEqual(collector.since(0).traps, []);
    collector.accept(raise('holds', 2, { node: 'rack7-1' }));
    collector.accept(raise('over', 2, { node: 'rack7-1' }));
    collector.accept(clear('over', { node: 'rack7-1' }));
    collector.accept(raise('elsewhere', 2, { node: 'rack8-1' }));
    const { traps, mark } = collector.since(before);
    assert.deepEqual(messages(traps), ['elsewhere is bad']);
    clock.advance(59_000);
    collector.tick();
    assert.deepEqual(collector.since(mark).traps, []);
    clock.advance(1000);
    collector.tick();
    assert.deepEqual(messages(collector.since(mark).traps), ['seen is bad', 'holds is bad']);
    assert.deepEqual(collector.silences.all, []);
    addUp(collector);
  });

  it('may be of a file system, a text or the lesser categories only', () => {
    const { collector } = openCollector();
    collector.silence(silence({ id: 's1', fileSystem: 'fs1', categoryMost: 1 }));
    collector.silence(silence({ id: 's2', message: '*fan ? slow*' }));
    collector.accept(event('a', 1, { fileSystem: 'fs1' }));
    collector.accept(event('b', 2, { fileSystem: 'fs1' }));
    collector.accept(event('c', 1, { fileSystem: 'fs2' }));
    collector.accept(event('The FAN 3 slowed down', 3));
    assert.deepEqual(messages(collector.since(0).traps), ['b', 'c']);
    assert.equal(collector.endSilence('s2'), true);
    assert.equal(collector.endSilence('s2'), false);
    assert.equal(collector.since(0).traps.length, 3);
  });

  it('does not let what it hides push out what monitors see', () => {
    const { collector } = openCollector({ maxTraps: 10 });
    collector.silence(silence({ node: 'noisy' }));
    collector.accept(event('seen', 0));
    for (let i = 0; i < 100; i++) collector.accept(event(`hidden ${i}`, 3, { node: 'noisy' }));
    assert.deepEqual(messages(collector.since(0).traps), ['seen']);
    assert.equal(collector.size, 10);
  });
});

describe('nodes', () => {
  it('are known from traps and reports, by file system', () => {
    const { collector } = openCollector();
    collector.accept(event('a', 1, { node: 'n1', fileSystem: 'fs1' }));
    collector.accept(event('b', 1, { node: 'n1', fileSystem: 'fs2' }));
    collector.observe({
      node: 'n2',
      fileSystems: ['fs2'],
      freeBytes: 1,
      totalBytes: 2,
      state: 'up',
    });
    assert.deepEqual(collector.nodes.names(''), ['n1', 'n2']);
    assert.deepEqual(collector.nodes.names('fs2'), ['n1', 'n2']);
    assert.deepEqual(collector.nodes.names('fs3'), []);
    assert.deepEqual(collector.nodes.fileSystemNames(), ['fs1', 'fs2']);
    assert.equal(collector.nodes.fileSystem('fs1')!.traps, 1);
    assert.equal(collector.nodes.view('n2')!.freeBytes, 1);
    assert.equal(collector.nodes.view('n3'), null);
    collector.observe({ node: 'n2', fileSystems: [] });
    assert.deepEqual(collector.nodes.names('fs2'), ['n1']);
  });

  it('are bounded: the one that was first heard of is forgotten', () => {
    const { collector } = openCollector({ maxNodes: 100 });
    for (let i = 0; i < 1000; i++) {
      collector.accept(event('x', 1, { node: `n${i}`, fileSystem: `fs${i}` }));
    }
    assert.equal(collector.nodes.size, 100);
    assert.equal(collector.nodes.names('')[0], 'n900');
  });

  it('that are still heard of are not forgotten for those that come and go', () => {
    const { collector } = openCollector({ maxNodes: 100 });
    for (let i = 0; i < 1000; i++) {
      collector.observe({ node: 'always there', heartbeatMs: 1000 });
      collector.observe({ node: `n${i}` });
    }
    assert.equal(collector.nodes.size, 100);
    assert.ok(collector.nodes.view('always there'));
  });

  it('that promised to be heard of and are not are told, and when they are again', () => {
    const { collector, clock } = openCollector();
    const beat = (atMs: number) =>
      collector.observe({ node: 'n1', fileSystems: ['fs1'], heartbeatMs: 10_000, atMs });
    beat(1);
    for (let i = 0; i < 31; i++) {
      assert.deepEqual(collector.since(0).traps, []);
      clock.advance(1000);
      collector.tick();
    }
    assert.deepEqual(messages(collector.since(0).traps), ['nothing was heard of n1 for 31 s']);
    assert.deepEqual(collector.nodes.fileSystem('fs1')!.notResponding, ['n1']);
    clock.advance(60_000);
    collector.tick();
    assert.equal(collector.since(0).traps.length, 1);
    beat(2);
    assert.equal(collector.since(0).traps.at(-1)!.message, 'n1 is heard of again');
    assert.deepEqual(collector.nodes.fileSystem('fs1')!.notResponding, []);
    assert.equal(collector.all()[0]!.over?.by, 'clear');
  });

  it('that were missed are told to be there again by a later life too, of whatever file system they are now', () => {
    const { collector, clock } = openCollector();
    collector.observe({ node: 'n1', heartbeatMs: 10_000 });
    for (let i = 0; i < 31; i++) {
      clock.advance(1000);
      collector.tick();
    }
    const later = openCollector({ remembered: rememberedFrom(collector), clock }).collector;
    assert.equal(later.nodes.view('n1')!.responding, false);
    later.observe({ node: 'n1', fileSystems: ['fs1'], heartbeatMs: 10_000 });
    assert.deepEqual(messages(later.all()).slice(1), ['n1 is heard of again']);
    assert.deepEqual(later.holding(), []);
    assert.equal(later.nodes.view('n1')!.responding, true);
  });

  it('are not missed because a clock was set, or because the collector was stopped', () => {
    const clock = new (class extends ManualClock {
      setMs = 0;
      override now = (): number => super.now() + this.setMs;
    })(NOW_MS);
    const { collector } = openCollector({ clock });
    collector.tick();
    collector.observe({ node: 'n1', heartbeatMs: 10_000 });
    clock.setMs = 3_600_000;
    clock.advance(1000);
    collector.tick();
    clock.advance(60_000);
    collector.tick();
    assert.deepEqual(collector.all(), []);
    for (let i = 0; i < 31; i++) {
      clock.advance(1000);
      collector.tick();
    }
    assert.deepEqual(messages(collector.all()), ['nothing was heard of n1 for 31 s']);
  });

  it('are not alive because another reports about them', () => {
    const { collector, clock } = openCollector();
    collector.observe({ node: 'n1', heartbeatMs: 10_000 });
    for (let i = 0; i < 31; i++) {
      clock.advance(1000);
      collector.accept(event(`n1 does not answer ping ${i}`, 2, { node: 'n1', source: 'relay' }));
      collector.tick();
    }
    assert.equal(collector.nodes.view('n1')!.responding, false);
    assert.equal(collector.nodes.view('n1')!.lastSeenMs, NOW_MS);
  });
});

describe('counters', () => {
  it('add up after anything', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constantFrom('event', 'raise', 'clear'),
        node: fc.constantFrom('a', 'b'),
        category: fc.nat(3),
        condition: fc.constantFrom('x', 'y'),
        sequence: fc.option(fc.constantFrom('1', '2', '3')),
      }),
      fc.constantFrom('denied', 'malformed', 'dropped', 'silence', 'tick', 'ask'),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { collector, clock } = openCollector({ maxTraps: 5 });
        for (const [index, one] of steps.entries()) {
          if (one === 'silence')
            collector.silence(
              silence({ id: `s${index}`, node: 'a', endsAtMs: clock.now() + 5000 }),
            );
          else if (one === 'tick') collector.tick();
          else if (one === 'ask') collector.since(0);
          else if (typeof one === 'string') collector.refuse(one as 'denied');
          else collector.accept({ ...raise('', 1), ...one, atMs: index } as never);
          clock.advance(1000);
          addUp(collector);
          assert.ok(collector.size <= 5);
          assert.equal(
            collector.counters.values().stored - collector.counters.evicted >= collector.size,
            true,
          );
        }
      }),
    );
  });
});

describe('changes', () => {
  it('are not noted where nobody keeps them', () => {
    const { collector } = openCollector({ hasHistory: false, maxTraps: 2 });
    for (let i = 0; i < 10; i++) collector.accept(event(`a ${i}`));
    assert.equal(collector.hasChanges, false);
  });

  it('of traps that gave way are bounded, in number and length', () => {
    const { collector } = openCollector({ maxTraps: 2 });
    for (let i = 0; i < 20_100; i++) collector.accept(event(`${i} ${'x'.repeat(5000)}`));
    const changes = collector.takeChanges();
    assert.equal(changes.length, 20_000);
    const lengths = changes.map((one) => (one.kind === 'trap' ? one.trap.message.length : 0));
    assert.equal(Math.max(...lengths.slice(0, 1000)), 4096);
    const kept = changes.filter((one) => one.kind === 'trap' && one.place === 'kept');
    assert.equal(kept.length, 2);
  });
});
