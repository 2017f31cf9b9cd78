import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { WindrowError } from '#base';
import type { Silence, TrapRecord } from '#model';
import { SqliteTrapHistory } from './trap-history.ts';

function openHistory(t: TestContext, most = 100) {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-traps-'));
  const file = join(directory, 'traps.sqlite');
  const open = () => new SqliteTrapHistory(file, most);
  let history = open();
  t.after(async () => {
    await history.close();
    rmSync(directory, { recursive: true });
  });
  return {
    open,
    history: () => history,
    reopen: async () => {
      await history.close();
      history = open();
      return history;
    },
  };
}

function trap(id: string, more: Partial<TrapRecord> = {}): TrapRecord {
  return {
    ...{ id, node: 'n', fileSystem: '', category: 1, message: `message ${id}`, kind: 'event' },
    ...{ condition: '', source: 'test', atMs: 1, mark: 1, receivedAtMs: 1, count: 1, lastAtMs: 1 },
    ...{ weight: 1, over: null, acknowledged: null, silence: null },
    ...more,
  } as TrapRecord;
}

const SILENCE: Silence = {
  ...{ id: 's1', node: 'n*', fileSystem: '', message: '', categoryMost: 3, endsAtMs: 9 },
  ...{ by: 'ada', reason: 'new disks', createdAtMs: 1 },
};

describe('the history of traps', () => {
  it('is there again after a restart: traps as they were last, silences, places, the mark', async (t) => {
    const { history, reopen } = openHistory(t);
    assert.equal((await history().remembered()).mark, 0);
    await history().write([
      { kind: 'trap', trap: trap('a', { mark: 5 }), place: 'kept' },
      { kind: 'trap', trap: trap('b', { mark: 6, message: '\0\ud800\u001b ü' }), place: 'kept' },
      { kind: 'silence', silence: SILENCE },
      { kind: 'silence', silence: { ...SILENCE, id: 's2' } },
      { kind: 'cursor', name: 'file', text: '1' },
      { kind: 'mark', mark: 7 },
    ]);
    await history().write([
      { kind: 'trap', trap: trap('a', { mark: 8, count: 3 }), place: 'kept' },
      { kind: 'silence-ended', id: 's2' },
      { kind: 'cursor', name: 'file', text: '2' },
      { kind: 'mark', mark: 9 },
    ]);
    const { traps, ids, silences, mark, cursors } = await (await reopen()).remembered();
    assert.deepEqual(
      traps.map(({ id, count, mark }) => [id, count, mark]),
      [
        ['b', 1, 6],
        ['a', 3, 8],
      ],
    );
    assert.equal(traps[0]!.message, '\0\ud800\u001b ü');
    assert.deepEqual(
      [ids, silences, mark, [...cursors]],
      [['a', 'b'], [SILENCE], 9, [['file', '2']]],
    );
  });

  it('keeps the latest so many, and all that monitors can have', async (t) => {
    const { history, reopen } = openHistory(t, 10);
    await history().write([{ kind: 'trap', trap: trap('old'), place: 'kept' }]);
    for (let i = 0; i < 50; i++) {
      await history().write([{ kind: 'trap', trap: trap(`t${i}`), place: 'past' }]);
    }
    const latest = await history().latest(100);
    assert.deepEqual(
      latest.map(({ id }) => id),
      [...Array.from({ length: 10 }, (_, i) => `t${49 - i}`), 'old'],
    );
    assert.deepEqual(
      (await history().latest(2)).map(({ id }) => id),
      ['t49', 't48'],
    );
    assert.deepEqual(
      (await (await reopen()).remembered()).traps.map(({ id }) => id),
      ['old'],
    );
  });

  it('is of one process alone', (t) => {
    const { open } = openHistory(t);
    assert.throws(open, (error) => error instanceof WindrowError && error.code === 'STATE_IN_USE');
  });
});
