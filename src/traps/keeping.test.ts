import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TrapChange } from '#model';
import { Keeping, type TrapHistory } from './keeping.ts';
import { event, openCollector } from './testing/collector.ts';
import { until } from './testing/until.ts';

/** A history that fails while it is told to, and remembers what was written. */
function openHistory() {
  const written: TrapChange[][] = [];
  const state = { fault: null as Error | null, gate: Promise.resolve(), isClosed: false };
  const history: TrapHistory = {
    remembered: async () => {
      throw new Error('nobody asks here');
    },
    write: async (changes) => {
      await state.gate;
      if (state.fault) throw state.fault;
      written.push(structuredClone([...changes]));
    },
    latest: async () => [],
    close: async () => {
      state.isClosed = true;
    },
  };
  return { history, state, written };
}

const messagesIn = (changes: readonly TrapChange[]) =>
  changes.flatMap((change) => (change.kind === 'trap' ? [change.trap.message] : []));

describe('keeping traps', () => {
  it('writes what many wait for together, and tells each when it is on disk', async () => {
    const { history, state, written } = openHistory();
    const { collector } = openCollector();
    const keeping = new Keeping(collector, history, () => {});
    const gate = Promise.withResolvers<void>();
    state.gate = gate.promise;
    collector.accept(event('one'));
    const first = keeping.durable();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    collector.accept(event('two'));
    collector.accept(event('three'));
    const others = [keeping.durable(), keeping.durable()];
    gate.resolve();
    assert.deepEqual(await Promise.all([first, ...others]), [true, true, true]);
    assert.deepEqual(written.map(messagesIn), [['one'], ['two', 'three']]);
    assert.equal(await keeping.durable(), true);
    assert.equal(written.length, 2);
    await keeping.close();
    assert.equal(state.isClosed, true);
  });

  it('goes on while nothing can be written, says so once, and loses nothing that is kept', async () => {
    const { history, state, written } = openHistory();
    const { collector } = openCollector({ maxTraps: 3 });
    const troubles: (string | null)[] = [];
    const keeping = new Keeping(collector, history, (why) => void troubles.push(why));
    state.fault = new Error('the disk is full');
    for (let i = 0; i < 5; i++) {
      collector.accept(event(`trap ${i}`));
      assert.equal(await keeping.durable(), false);
    }
    keeping.setCursor('file', 'here');
    assert.deepEqual(troubles, ['the disk is full']);
    state.fault = null;
    await until('it is written', () => written.flat().some(({ kind }) => kind === 'cursor'));
    assert.deepEqual(troubles, ['the disk is full', null]);
    const latest = new Map(
      written
        .flat()
        .flatMap((change) => (change.kind === 'trap' ? [[change.trap.message, change.place]] : [])),
    );
    assert.deepEqual([...latest].sort(), [
      ['trap 0', 'past'],
      ['trap 1', 'past'],
      ['trap 2', 'kept'],
      ['trap 3', 'kept'],
      ['trap 4', 'kept'],
    ]);
    await keeping.close();
  });

  it('that is not wanted keeps nothing and makes nobody wait', async () => {
    const { collector } = openCollector();
    const keeping = new Keeping(collector, null, () => {});
    collector.accept(event('one'));
    keeping.setCursor('file', 'here');
    assert.equal(await keeping.durable(), true);
    await keeping.close();
  });
});
