import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { ioLimits } from './disks.ts';

/** Whether the kernel names a block device that the directory lies on. */
function hasDisk(path: string): boolean {
  try {
    return ioLimits(0, { [path]: 1 }, {}) !== null;
  } catch {
    return false;
  }
}

test('nothing is limited where nobody says so', () => {
  assert.equal(ioLimits(0, {}, {}), null);
  assert.deepEqual(ioLimits(50, {}, {}), { weight: 50, devices: [] });
});

test('a path that lies on no disk is refused, and so is one that is not there', () => {
  assert.throws(() => ioLimits(0, { '/proc': 1 }, {}), { code: 'IO_DISK_UNKNOWN' });
  assert.throws(() => ioLimits(0, {}, { '/no/such/disk': 1 }), /no such file/i);
});

test('paths on one disk are one device with the smallest figure of each kind', {
  skip: hasDisk(tmpdir()) ? false : 'temporary files are on no disk here',
}, () => {
  const limits = ioLimits(0, { [tmpdir()]: 7, [`${tmpdir()}/.`]: 5 }, { [tmpdir()]: 9 });
  const [disk, ...others] = limits!.devices;
  assert.deepEqual(others, []);
  assert.deepEqual([disk!.readBytesPerSecond, disk!.writeBytesPerSecond], [5, 9]);
  assert.ok(existsSync(`/sys/dev/block/${disk!.device}`));
  assert.ok(!existsSync(`/sys/dev/block/${disk!.device}/partition`));
  assert.equal(readFileSync(`/sys/dev/block/${disk!.device}/dev`, 'utf8').trim(), disk!.device);
});
