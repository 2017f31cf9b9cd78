import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CollectorView, MergedTrap } from '#traps';
import { TrapEvents } from './trap-events.ts';
import { drawTraps, inOrder } from './trap-screen.ts';
import { trapLine } from './trap-table.ts';

function trap(id: string, more: Partial<MergedTrap> = {}): MergedTrap {
  return {
    ...{ id, node: 'n1', fileSystem: '', category: 1, message: `message ${id}`, kind: 'raise' },
    ...{ condition: id, source: 'test', atMs: 1, mark: 1, receivedAtMs: 1, count: 1, lastAtMs: 1 },
    ...{ weight: 1, over: null, acknowledged: null, silence: null, seenBy: ['u'] },
    ...more,
  } as MergedTrap;
}

const OVER = { by: 'clear', atMs: 2 } as const;
const ACKNOWLEDGED = { by: 'ada', comment: '', atMs: 3 };

describe('a line for those who watch', () => {
  it('says of a trap that it is over', () => {
    const line = (more: Partial<MergedTrap>) => trapLine(trap('a', more), false).split(' n1: ')[1];
    assert.equal(line({}), 'message a [a]');
    assert.equal(line({ over: OVER, count: 2 }), 'message a (2 times) – over [a]');
    assert.equal(line({ over: { by: 'newer', atMs: 2 } }), 'message a – replaced [a]');
  });
});

describe('the screen of those who watch', () => {
  it('shows what holds before what has happened, the worst first, and nothing that is over', () => {
    const traps = inOrder([
      trap('event', { kind: 'event', category: 3 }),
      trap('old', { category: 2, atMs: 1 }),
      trap('new', { category: 2, atMs: 2 }),
      trap('worst', { category: 3 }),
      trap('over', { over: OVER }),
      trap('end', { kind: 'clear' }),
      trap('silent', { silence: 's' }),
    ]);
    assert.deepEqual(
      traps.map(({ id }) => id),
      ['worst', 'new', 'old', 'event'],
    );
  });

  it('fits the terminal, follows the choice, and lets no message steer it', () => {
    const traps = Array.from({ length: 50 }, (_, i) =>
      trap(`t${i}`, { message: `\u001b[2Jmessage ${i} ${'x'.repeat(200)}\n`, count: 7 }),
    );
    const collectors = [
      { url: 'http://a', view: null, away: 'ECONNREFUSED \u001b[31m' },
      { url: 'http://b', view: null, away: null },
    ];
    const screen = { collectors, traps, chosen: 't49', least: 1, note: '' };
    const lines = drawTraps(screen, { columns: 60, rows: 20 }, false).split('\n');
    assert.equal(lines.length, 20);
    for (const line of lines) {
      assert.ok(line.length <= 60, line);
      assert.doesNotMatch(line, /\u001b/);
    }
    assert.match(lines.join('\n'), /^> .*warning.*message 49/m);
    assert.match(lines[0]!, /away – ECONNREFUSED/);
    assert.match(lines.at(-1)!, /^50 traps, warning and worse/);
  });
});

describe('what happened since the last look', () => {
  it('is told once: new traps, ends, acknowledgements, and collectors that come and go', () => {
    const events = new TrapEvents();
    const view = {} as CollectorView;
    const at = (away: string | null) => [{ url: 'u', view: away === null ? view : null, away }];
    const look = (away: string | null, ...traps: MergedTrap[]) =>
      events
        .look(at(away), traps)
        .map((one) => [one.event, 'trap' in one ? one.trap.id : 'id' in one ? one.id : one.away]);
    assert.deepEqual(look('gone', trap('a')), [
      ['collector', 'gone'],
      ['trap', 'a'],
    ]);
    assert.deepEqual(look('gone', trap('a')), []);
    assert.deepEqual(
      look(null, trap('a', { acknowledged: ACKNOWLEDGED }), trap('hidden', { silence: 's' })),
      [
        ['collector', null],
        ['acknowledged', 'a'],
      ],
    );
    assert.deepEqual(
      look(null, trap('a', { over: OVER, acknowledged: ACKNOWLEDGED }), trap('hidden')),
      [
        ['over', 'a'],
        ['trap', 'hidden'],
      ],
    );
    assert.deepEqual(look(null, trap('hidden')), []);
    assert.deepEqual(look(null, trap('hidden', { silence: 's' })), [['silenced', 'hidden']]);
    assert.deepEqual(look(null, trap('hidden', { silence: 't' })), []);
    assert.deepEqual(look(null, trap('hidden')), [['trap', 'hidden']]);
    assert.deepEqual(look(null, trap('a', { over: OVER, acknowledged: ACKNOWLEDGED })), []);
  });
});
