import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PEERS } from '../../testing/lustre-tree.ts';
import { newChanges } from './imports.ts';
import { parseDevices, parseHealth, parseImportState, parsePeers, parseRecovery } from './parse.ts';

describe('the texts of Lustre', () => {
  it('are read as sysfs, debugfs and lctl write them', () => {
    assert.deepEqual(parseHealth('healthy\n'), { health: 'healthy', devices: [] });
    const sick =
      'health_check=device lustre-OST0012 reported unhealthy\ndevice lustre-OST0014 reported unhealthy\nNOT HEALTHY';
    assert.deepEqual(parseHealth(sick), {
      health: 'NOT HEALTHY',
      devices: ['lustre-OST0012', 'lustre-OST0014'],
    });
    assert.deepEqual(parseDevices('  4 UP mds testfs-MDT0000 testfs-MDT0000_UUID 7\nrubbish\n'), [
      { status: 'UP', type: 'mds', name: 'testfs-MDT0000' },
    ]);
    for (const text of [
      'status: WAITING_FOR_CLIENTS',
      'mdt.fs-MDT0002.recovery_status=status: WAITING_FOR_CLIENTS',
      'mdt.fs-MDT0000.recovery_status=\nstatus: WAITING_FOR_CLIENTS\n',
    ]) {
      assert.equal(parseRecovery(text).get('status'), 'WAITING_FOR_CLIENTS');
    }
    assert.deepEqual(
      parseImportState('current_state: FULL\nstate_history:\n - [ 1510766261, FULL ]\n'),
      {
        current: 'FULL',
        history: [{ atSeconds: 1510766261, state: 'FULL' }],
      },
    );
    assert.equal(parseImportState('state: FULL'), null);
    assert.deepEqual(parsePeers(PEERS), [
      { nid: '10.0.0.1@tcp', isDown: false },
      { nid: '10.0.0.2@tcp', isDown: false },
    ]);
  });

  it('of which the beginning was overwritten still show what is new', () => {
    const changes = (text: string) =>
      [...text].map((state, index) => ({ atSeconds: 100 + index, state }));
    const all = changes('ABCDEFGH');
    assert.deepEqual(newChanges(all.slice(0, 4), all.slice(2, 6)), all.slice(4, 6));
    assert.deepEqual(newChanges(all.slice(0, 4), all.slice(0, 4)), []);
    assert.deepEqual(newChanges(all.slice(0, 2), all.slice(4, 8)), all.slice(4, 8));
    assert.deepEqual(newChanges([], all), all);
  });
});
