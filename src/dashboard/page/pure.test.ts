import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TrapRecord } from '#model';
import { EventLines } from './event-lines.ts';
import { age, count, percent, rate, sharesOf } from './figures.ts';
import { hashOf, placeOf } from './place.ts';
import { openText, trapsShown } from './views/trap-list.ts';

describe('places in the page', () => {
  it('are the same after they went through an address', () => {
    const query = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ minLength: 1 }));
    const place = fc.oneof(
      fc.record({ view: fc.constantFrom('jobs', 'workers', 'traps', 'data', 'traces'), query }),
      fc.record({ view: fc.constant('job'), job: fc.integer({ min: 1 }), query }),
      fc.record({ view: fc.constant('task'), job: fc.integer({ min: 1 }), task: fc.nat(), query }),
    );
    fc.assert(
      fc.property(place, (one) => {
        const read = placeOf(hashOf(one as never));
        assert.deepEqual(
          { ...read, query: { ...read.query } },
          { ...one, query: { ...one.query } },
        );
      }),
    );
  });

  it('that mean nothing are the list of jobs', () => {
    for (const hash of ['', '#', '#/nowhere', '#/jobs/0', '#/jobs/-1', '#/jobs/<b>', '#token=x']) {
      assert.equal(placeOf(hash).view, 'jobs', hash);
    }
  });
});

describe('events out of pieces', () => {
  it('are the same however they were cut', () => {
    const sent =
      ':\n\nid: 1\ndata: {"a":1}\n\n:\r\n\r\nid: 2\r\ndata: {"b":"ü"}\r\n\r\ndata: x\ndata:y\n\n';
    fc.assert(
      fc.property(fc.array(fc.nat(sent.length), { maxLength: 20 }), (cuts) => {
        const lines = new EventLines();
        const places = [0, ...cuts.sort((a, b) => a - b), sent.length];
        const pieces = places.slice(1).map((end, index) => sent.slice(places[index], end));
        const events = pieces.flatMap((piece) => lines.take(piece));
        assert.deepEqual(events, ['{"a":1}', '{"b":"ü"}', 'x\ny']);
      }),
    );
  });

  it('that never end are given up', () => {
    const lines = new EventLines();
    assert.throws(() => {
      for (let n = 0; n < 100; n++) lines.take('x'.repeat(100_000));
    }, RangeError);
  });
});

describe('figures', () => {
  it('never show as all what is short of all', () => {
    assert.deepEqual(
      [percent(0.99999), percent(1), percent(0), percent(null)],
      ['99 %', '100 %', '0 %', '–'],
    );
  });

  it('have units that read well', () => {
    assert.deepEqual([0, 1234, 2.25, 0.1, 0.001].map(rate), [
      '0/s',
      '1,234/s',
      '2.3/s',
      '6.0/min',
      '3.6/h',
    ]);
    assert.equal(count(1234567), '1,234,567');
    assert.deepEqual([0, 30_000, 600_000, 86_400_000].map(age), [
      'now',
      '30 s ago',
      '10 min ago',
      '24 h ago',
    ]);
  });

  it('of a bar are shares of all tasks', () => {
    const counts = { waiting: 5, staging: 0, running: 1, checking: 0, done: 2 };
    const all = { ...counts, failed: 1, held: 0, removed: 1 };
    assert.deepEqual(sharesOf(all), [
      { kind: 'done', share: 0.2 },
      { kind: 'failed', share: 0.2 },
      { kind: 'running', share: 0.1 },
    ]);
  });
});

describe('traps', () => {
  const trap = (id: string, more: Partial<TrapRecord>): TrapRecord => ({
    ...{ id, node: 'n1', fileSystem: '', category: 1, message: 'fan', kind: 'raise' },
    ...{ condition: 'fan', source: 'http', atMs: 1, mark: 1, receivedAtMs: 1, count: 1 },
    ...{ lastAtMs: 1, weight: 1, over: null, acknowledged: null, silence: null },
    ...more,
  });
  const known = { by: 'me', comment: '', atMs: 2 };
  const traps = [
    trap('info', { category: 0, weight: 0, atMs: 9 }),
    trap('known', { category: 3, weight: 3, acknowledged: known }),
    trap('fatal', { category: 3, weight: 3, node: 'OSS4' }),
    trap('over', { category: 3, weight: 3, over: { by: 'clear', atMs: 3 } }),
    trap('quiet', { category: 3, weight: 3, silence: 's1' }),
    trap('end', { kind: 'clear', category: 0, weight: 3 }),
  ];
  const shown = (filter: object) =>
    trapsShown(traps, { least: 0, find: '', all: false, ...filter }).map(({ id }) => id);

  it('that nobody has acknowledged come first, the worst of them before all', () => {
    assert.deepEqual(shown({}), ['fatal', 'info', 'known']);
    assert.equal(openText(traps), '1 fatal, 1 info');
  });

  it('that are over, silenced or ends are shown when they are wished for', () => {
    assert.deepEqual(shown({ all: true }).slice(3).sort(), ['end', 'over', 'quiet']);
  });

  it('are found by category and by any part of their text', () => {
    assert.deepEqual(shown({ least: 3 }), ['fatal', 'known']);
    assert.deepEqual(shown({ find: 'oss' }), ['fatal']);
  });
});
