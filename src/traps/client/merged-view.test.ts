import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TrapRecord } from '#model';
import { clear, event, openCollector, raise } from '../testing/collector.ts';
import { collectorUrl } from './collector-client.ts';
import { mergeTraps } from './merged-view.ts';

type Reports = Parameters<ReturnType<typeof openCollector>['collector']['accept']>[0][];

function keptBy(...reports: Reports): readonly TrapRecord[] {
  const { collector } = openCollector();
  for (const report of reports) collector.accept(report);
  return collector.all();
}

const merged = (views: Record<string, readonly TrapRecord[]>) =>
  mergeTraps(new Map(Object.entries(views)));

describe('the traps of several collectors', () => {
  it('are shown once each, with who has them and the most that is known', () => {
    const one = { sequence: '1', boot: 'b', atMs: 1 };
    const traps = merged({
      a: keptBy(raise('disk', 2, one), event('only a', 1, { sequence: '2', atMs: 2 })),
      b: keptBy(raise('disk', 2, one), clear('disk', { sequence: '3', boot: 'b', atMs: 3 })),
    });
    assert.deepEqual(
      traps.map(({ message, seenBy, over }) => [message, seenBy.join(), over?.by]),
      [
        ['disk is bad', 'a,b', 'clear'],
        ['only a', 'a', undefined],
        ['disk is well', 'b', undefined],
      ],
    );
  });

  it('that hold under one name and say the same are one, although their ids differ', () => {
    const a = keptBy(raise('disk', 2, { sequence: 'look 7', atMs: 1 }));
    const b = keptBy(raise('disk', 2, { sequence: 'look 8', atMs: 2 }));
    assert.deepEqual(
      merged({ a, b }).map(({ seenBy }) => seenBy),
      [['a', 'b']],
    );
    const worse = keptBy(raise('disk', 3, { sequence: 'look 8', atMs: 2 }));
    assert.equal(merged({ a, b: worse }).length, 2);
    const elsewhere = keptBy(raise('disk', 2, { sequence: 'look 8', node: 'node2' }));
    assert.equal(merged({ a, b: elsewhere }).length, 2);
    const over = keptBy(
      raise('disk', 2, { sequence: '1' }),
      clear('disk', { sequence: '2' }),
      raise('disk', 2, { sequence: '3' }),
    );
    assert.equal(merged({ a: over }).length, 3);
  });
});

describe('the address of a collector', () => {
  it('is a host, with a port or not, or a URL', () => {
    const addresses = {
      node1: 'http://node1:8980',
      'node1:81': 'http://node1:81',
      'node1:80': 'http://node1',
      '[::1]:81': 'http://[::1]:81',
      'https://traps.example.org': 'https://traps.example.org',
      'http://node1': 'http://node1',
      [`https://NODE1:9/#sha256:${'AB'.repeat(32)}`]: `https://node1:9#sha256:${'AB'.repeat(32)}`,
    };
    for (const [text, url] of Object.entries(addresses)) assert.equal(collectorUrl(text), url);
    for (const text of [
      '',
      'a b',
      'node1:x',
      'http://u:p@x',
      'http://x/y',
      'node1/path',
      `http://x#sha256:${'ab'.repeat(32)}`,
      'https://x#sha256:ab',
    ]) {
      assert.throws(() => collectorUrl(text), /is no collector/, text);
    }
  });
});
