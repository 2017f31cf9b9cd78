import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GroupFiles } from './group-files.ts';
import { findHierarchies } from './hierarchies.ts';

/** Only what is asked for: the offered controllers of version 2. */
const offering = (controllers: string) => ({ read: () => controllers }) as unknown as GroupFiles;

describe('finding the own place in control groups', () => {
  it('finds a session of systemd with version 2 alone', () => {
    const trees = findHierarchies(
      {
        cgroup: '0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope\n',
        mountinfo:
          '35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n',
      },
      offering('cpu memory pids\n'),
    );
    assert.deepEqual(trees, [
      {
        version: 2,
        controllers: ['cpu', 'memory', 'pids'],
        own: '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope',
        mountPoint: '/sys/fs/cgroup',
      },
    ]);
  });

  it('finds each tree of version 1, joined controllers and an empty version 2 beside them', () => {
    const trees = findHierarchies(
      {
        cgroup:
          '5:memory:/a b\n4:cpu,cpuacct:/\n3:blkio:/x\n2:devices:/\n1:name=systemd:/s\n0::/\n',
        mountinfo: [
          '40 30 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd',
          '41 30 0:32 / /sys/fs/cgroup/memory rw shared:1 master:2 - cgroup cgroup rw,seclabel,memory',
          '42 30 0:33 / /sys/fs/cgroup/cpu\\040acct rw - cgroup cgroup rw,cpu,cpuacct',
          '43 30 0:34 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio',
          '44 30 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
          '45 30 0:36 / / rw - ext4 /dev/vda rw',
        ].join('\n'),
      },
      offering(''),
    );
    assert.deepEqual(
      trees.map(({ version, controllers, own }) => [version, controllers.join(), own]),
      [
        [1, '', '/sys/fs/cgroup/systemd/s'],
        [1, 'memory', '/sys/fs/cgroup/memory/a b'],
        [1, 'cpu,cpuacct', '/sys/fs/cgroup/cpu acct'],
        [1, 'io', '/sys/fs/cgroup/blkio/x'],
        [2, '', '/sys/fs/cgroup/unified'],
      ],
    );
  });

  it('finds the place inside a container that mounts only its own part', () => {
    const cgroup = '1:memory:/docker/abc/inner\n0::/../outside\n';
    const mountinfo = [
      '41 30 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
      '42 30 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    ].join('\n');
    const trees = findHierarchies({ cgroup, mountinfo }, offering(''));
    assert.deepEqual(
      trees.map(({ own }) => own),
      ['/sys/fs/cgroup/memory/inner'],
    );
  });

  it('finds nothing where the group is gone, lies elsewhere, or nothing is mounted', () => {
    const mountinfo = '41 30 0:32 /other /m rw - cgroup2 cgroup2 rw\n';
    assert.deepEqual(findHierarchies({ cgroup: '0::/mine\n', mountinfo }, offering('')), []);
    assert.deepEqual(
      findHierarchies({ cgroup: '0::/other (deleted)\n', mountinfo }, offering('')),
      [],
    );
    assert.deepEqual(findHierarchies({ cgroup: '0::/\n', mountinfo: '' }, offering('')), []);
    assert.deepEqual(findHierarchies({ cgroup: '', mountinfo: '' }, offering('')), []);
  });
});
