import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { coveredPlaces, type Mount } from './view.ts';

const USUAL: readonly Mount[] = [
  { kind: 'bind-read-only', source: '/', target: '/' },
  { kind: 'devices', target: '/dev', sharedMemoryBytes: null },
  { kind: 'processes', target: '/proc' },
  { kind: 'empty', target: '/sys/fs/cgroup' },
];

suite('mounts that nobody will see', () => {
  test('lie below a /dev and a /proc of its own, and where the machine’s groups are hidden', () => {
    const covered = coveredPlaces(USUAL, []);
    for (const place of ['/dev/pts', '/dev/shm', '/sys/fs/cgroup', '/proc/sys/fs/binfmt_misc']) {
      assert.ok(covered.includes(place), place);
    }
  });

  test('are none where nothing lies over them', () => {
    assert.deepEqual(coveredPlaces(USUAL.slice(0, 1), []), []);
    assert.ok(!coveredPlaces(USUAL.slice(0, 3), []).includes('/sys/fs/cgroup'));
    assert.deepEqual(coveredPlaces([{ kind: 'empty', target: '/' }], []), []);
  });

  test('are not those in which something lies that is mounted, opened or entered', () => {
    const scratch = { kind: 'bind', source: '/dev/shm/worker/a', target: '/a' } as const;
    assert.ok(!coveredPlaces([...USUAL, scratch], []).includes('/dev/shm'));
    assert.ok(!coveredPlaces(USUAL, ['/dev/shm']).includes('/dev/shm'));
    assert.ok(!coveredPlaces(USUAL, ['/dev/shm/worker/filter']).includes('/dev/shm'));
    assert.ok(coveredPlaces(USUAL, ['/dev/shmother']).includes('/dev/shm'));
  });
});
