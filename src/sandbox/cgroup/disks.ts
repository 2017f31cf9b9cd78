/** Limits of what attempts read and write, from paths to the disks that the kernel limits. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '#base';
import { sandboxErrors } from '../errors.ts';
import type { IoLimits } from './limits.ts';

/** Bytes a second, by path. */
type Rates = Readonly<Record<string, number>>;

/**
 * Null: nothing is limited. `weight` 0: as everybody. Throws IO_DISK_UNKNOWN: a limit that the
 * administrator wants and nobody holds must not go unnoticed.
 */
export function ioLimits(weight: number, read: Rates, write: Rates): IoLimits | null {
  const reads = byDisk(read);
  const writes = byDisk(write);
  const disks = [...new Set([...reads.keys(), ...writes.keys()])];
  if (weight === 0 && disks.length === 0) return null;
  return {
    weight: weight === 0 ? null : weight,
    devices: disks.map((device) => ({
      device,
      readBytesPerSecond: reads.get(device) ?? null,
      writeBytesPerSecond: writes.get(device) ?? null,
    })),
  };
}

/** Of several paths on one disk the smallest figure holds. */
function byDisk(rates: Rates): Map<string, number> {
  const found = new Map<string, number>();
  for (const [path, bytes] of Object.entries(rates)) {
    const disk = diskOf(path);
    found.set(disk, Math.min(found.get(disk) ?? bytes, bytes));
  }
  return found;
}

/** `major:minor` of the whole disk: the kernel throttles no partitions. */
function diskOf(path: string): string {
  const entry = `/sys/dev/block/${deviceOf(path)}`;
  try {
    const real = realpathSync(entry);
    const whole = existsSync(`${real}/partition`) ? dirname(real) : real;
    return readFileSync(`${whole}/dev`, 'latin1').trim();
  } catch {
    throw sandboxErrors.create('IO_DISK_UNKNOWN', { path, reason: 'it lies on no block device' });
  }
}

function deviceOf(path: string): string {
  try {
    const found = statSync(path, { bigint: true });
    const device = found.isBlockDevice() ? found.rdev : found.dev;
    // As makedev(3) of the C library puts them together.
    const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
    const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn & 0xffffffffn);
    return `${major}:${minor}`;
  } catch (error) {
    throw sandboxErrors.create('IO_DISK_UNKNOWN', { path, reason: messageOf(error) });
  }
}
