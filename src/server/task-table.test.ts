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
