import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SEGMENT_TASKS, TaskState } from '#model';
import { TaskTable } from './task-table.ts';

describe('the table of task states', () => {
  it('hands out every waiting task once, those that came back first', () => {
    const table = new TaskTable(10);
    assert.deepEqual(table.take(3), [0, 1, 2]);
    table.giveBack(1, 0);
    assert.deepEqual(table.take(2), [1, 3]);
    assert.equal(table.ready, 6);
    assert.deepEqual(table.take(99), [4, 5, 6, 7, 8, 9]);
    assert.deepEqual(table.take(1), []);
  });

  it('keeps delayed tasks back until they are due', () => {
    const table = new TaskTable(1);
    table.take(1);
    table.giveBack(0, 5000);
    assert.equal(table.ready, 0);
    assert.equal(table.delayed, 1);
    assert.equal(table.releaseDue(4999), 0);
    assert.equal(table.releaseDue(5000), 1);
    assert.deepEqual(table.take(1), [0]);
  });

  it('passes over tasks that moved on while they were in the queue', () => {
    const table = new TaskTable(3);
    table.take(3);
    table.giveBack(0, 0);
    table.giveBack(1, 0);
    table.set(0, TaskState.held);
    assert.deepEqual(table.take(9), [1]);
  });

  it('gives back what was stored, segment by segment', () => {
    const rows = SEGMENT_TASKS + 10;
    const table = new TaskTable(rows);
    table.take(SEGMENT_TASKS + 1);
    table.set(0, TaskState.done);
    table.set(SEGMENT_TASKS, TaskState.failed);
    const stored = table.takeDirty();
    assert.deepEqual(stored.map((one) => one.segment).sort(), [0, 1]);
    assert.equal(table.takeDirty().length, 0);
    const again = new TaskTable(rows);
    for (const { segment, bytes } of stored) again.restore(segment, bytes);
    assert.deepEqual(again.counts(), table.counts());
    assert.equal(again.state(SEGMENT_TASKS), TaskState.failed);
  });

  it('hands out each kind of rows by itself, whatever has happened before they were told apart', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('take' as const), kind: fc.nat(2), count: fc.nat(4) }),
        fc.record({ do: fc.constantFrom('back', 'delay', 'park'), task: fc.nat(29) } as const),
        fc.record({ do: fc.constant('due' as const) }),
        fc.record({ do: fc.constant('held' as const), task: fc.nat(29) }),
        fc.record({ do: fc.constant('sort' as const), seed: fc.nat(5) }),
        fc.record({ do: fc.constant('all back' as const) }),
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const table = new TaskTable(30);
        let kinds = new Uint8Array(30);
        for (const step of all) {
          if (step.do === 'sort') {
            kinds = Uint8Array.from({ length: 30 }, (_, task) => (task * (step.seed + 1) + 1) % 3);
            table.sort({ of: kinds, cells: [0, 1, 2] });
          } else if (step.do === 'take') {
            const kind = kinds.every((one) => one === 0) ? 0 : step.kind;
            const ready = kinds.some((one) => one > 0) ? table.readyOf(kind) : table.ready;
            const taken = table.take(step.count, kind);
            assert.equal(taken.length, Math.min(ready, step.count));
            for (const task of taken) assert.equal(kinds[task], kind);
          } else if (step.do === 'due') table.releaseDue(1e9);
          else if (step.do === 'all back') table.moveAll(TaskState.held, TaskState.waiting);
          else if (step.do === 'held') {
            table.undelay(step.task);
            table.set(step.task, TaskState.held);
          } else if (table.state(step.task) === TaskState.running) {
            if (step.do === 'park') table.park(step.task, 'large');
            else table.giveBack(step.task, step.do === 'delay' ? 1000 : 0);
          }
        }
        const isSorted = kinds.some((one) => one > 0);
        if (!isSorted) return;
        assert.equal(
          [0, 1, 2].reduce((sum, kind) => sum + table.readyOf(kind), 0),
          table.ready,
        );
        const { ready } = table;
        const taken = [0, 1, 2].flatMap((kind) => table.take(99, kind));
        assert.equal(new Set(taken).size, ready);
        assert.equal(table.ready, 0);
      }),
      { numRuns: 1000 },
    );
  });

  it('counts right whatever happens to its tasks', () => {
    const step = fc.record({ task: fc.nat(19), state: fc.integer({ min: 0, max: 7 }) });
    fc.assert(
      fc.property(fc.array(step), fc.nat(25), (steps, taken) => {
        const table = new TaskTable(20);
        table.take(taken);
        for (const { task, state } of steps) table.set(task, state as TaskState);
        const counts = Object.values(table.counts());
        assert.equal(
          counts.reduce((sum, count) => sum + count, 0),
          20,
        );
        const done = Array.from({ length: 20 }, (_, task) => task).filter(
          (task) => table.state(task) === TaskState.done,
        );
        assert.equal(table.count(TaskState.done), done.length);
        assert.equal(table.find([TaskState.done], 0), done[0] ?? -1);
      }),
    );
  });
});
