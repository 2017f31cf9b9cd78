import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NO_ISOLATION, WALLS } from '#model';
import { chooseWalls, type Machine } from './choose.ts';

const request = { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };
const machine: Machine = {
  able: new Set(WALLS),
  networks: ['host', 'none'],
  level: 'bare',
  isRoot: true,
  hasTracker: true,
};

describe('the network that a job asks for', () => {
  it('is refused where the machine has another kind only, though that is a wall too', () => {
    const wish = { ...NO_ISOLATION, network: 'accounted' } as const;
    assert.deepEqual(chooseWalls(wish, request, machine).missing, ['network']);
    const able: Machine = { ...machine, networks: ['host', 'none', 'accounted'] };
    const { missing, network, walls } = chooseWalls(wish, request, able);
    assert.deepEqual([missing, network], [[], 'accounted']);
    for (const wall of ['account', 'privileges'] as const) {
      assert.ok(walls.has(wall), `who is root in a network undoes what counts there: ${wall}`);
    }
  });
});
