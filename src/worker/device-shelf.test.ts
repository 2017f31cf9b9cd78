import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceShelf } from './device-shelf.ts';

const gpu = (id: string) =>
  ({ maker: 'nvidia', id, model: '', memoryBytes: 0, nodes: [] }) as const;
const ids = (devices: ReturnType<DeviceShelf['take']>) => devices?.gpus.map(({ id }) => id);

test('a GPU is given to one lane at a time, and waited for while there are too few', () => {
  const shelf = new DeviceShelf([gpu('a'), gpu('b'), gpu('c')], []);
  const first = shelf.take({ gpus: 2, cpus: 1 })!;
  assert.deepEqual(ids(first), ['a', 'b']);
  assert.equal(shelf.take({ gpus: 2, cpus: 1 }), undefined);
  assert.deepEqual(ids(shelf.take({ gpus: 1, cpus: 1 })), ['c']);
  assert.deepEqual(ids(shelf.take({ gpus: 0, cpus: 1 })), []);
  shelf.give(first);
  assert.deepEqual(ids(shelf.take({ gpus: 2, cpus: 1 })), ['a', 'b']);
});

test('whole CPUs are given as long as there are enough, fractions have a share', () => {
  const shelf = new DeviceShelf([], [4, 5, 6]);
  const two = shelf.take({ gpus: 0, cpus: 2 })!;
  assert.deepEqual(two.cpus, [4, 5]);
  assert.deepEqual(shelf.take({ gpus: 0, cpus: 0.5 })!.cpus, []);
  assert.deepEqual(shelf.take({ gpus: 0, cpus: 2 })!.cpus, []);
  assert.deepEqual(shelf.take({ gpus: 0, cpus: 1 })!.cpus, [6]);
  shelf.give(two);
  assert.deepEqual(shelf.take({ gpus: 0, cpus: 1 })!.cpus, [4]);
});
