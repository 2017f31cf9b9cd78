import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { carryOut, type NotUndone, undo } from './carry-out.ts';
import type { Hands, Operation } from './operation.ts';

const PATHS = ['/a', '/b', '/c'];
const operations: Operation[] = PATHS.map((path) => ({
  part: 'cgroup',
  do: 'make',
  path,
  version: 2,
  controllers: [],
}));
const pathOf = (operation: Operation) => ('path' in operation ? operation.path : '');

/** Hands that write down what they do, and fail at the paths they are told. */
function hands(diary: string[], faults: { do?: string; undo?: string } = {}): Hands {
  const hand = {
    carryOut: async (operation: Operation) => {
      diary.push(`do ${pathOf(operation)}`);
      if (pathOf(operation) === faults.do) throw new Error(`cannot do ${faults.do}`);
    },
    undo: (operation: Operation): undefined => {
      diary.push(`undo ${pathOf(operation)}`);
      if (pathOf(operation) === faults.undo) throw new Error(`cannot undo ${faults.undo}`);
    },
  };
  return { cgroup: hand, network: hand, place: hand };
}

describe('carrying operations out', () => {
  it('goes in order, and undoing goes in reverse', async () => {
    const diary: string[] = [];
    await carryOut(operations, hands(diary), []);
    assert.deepEqual(await undo(operations, hands(diary)), []);
    assert.deepEqual(diary, ['do /a', 'do /b', 'do /c', 'undo /c', 'undo /b', 'undo /a']);
  });

  it('undoes the failed operation and those before it, and tells why it failed', async () => {
    const diary: string[] = [];
    await assert.rejects(carryOut(operations, hands(diary, { do: '/b' }), []), /cannot do \/b/);
    assert.deepEqual(diary, ['do /a', 'do /b', 'undo /b', 'undo /a']);
  });

  it('undoes the rest when one cannot be undone, and says which one is left', async () => {
    const diary: string[] = [];
    const left: NotUndone[] = [];
    const faulty = hands(diary, { do: '/c', undo: '/b' });
    await assert.rejects(carryOut(operations, faulty, left), /cannot do \/c/);
    assert.deepEqual(diary.slice(3), ['undo /c', 'undo /b', 'undo /a']);
    assert.deepEqual(
      left.map(({ operation }) => pathOf(operation)),
      ['/b'],
    );
  });
});
