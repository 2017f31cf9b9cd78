/** A worker's place and an attempt's, as the tests of this part need them. Loaded by tests only. */
import { randomBytes } from 'node:crypto';
import type { ResourceRequest } from '#model';
import type { CgroupSettings, Ground, Plot } from '../walls/ground.ts';

const SETTINGS: CgroupSettings = {
  base: '',
  cpuCeiling: false,
  cpuPinning: true,
  memoryLimit: 'hard',
  mostTasks: 100,
  io: null,
};

export function groundWith(settings: Partial<CgroupSettings> = {}): Ground {
  return {
    tag: `windrow-${randomBytes(4).toString('hex')}`,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    directory: '/nowhere',
    settings: {
      cgroup: { ...SETTINGS, ...settings },
      tracking: { way: 'auto', firstGroup: 0 },
    } as Ground['settings'],
  };
}

export function plotFor(
  name: string,
  request: Partial<ResourceRequest> = {},
  cpus: readonly number[] = [],
): Plot {
  const none = { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };
  return { name, slot: 1, cpus, request: { ...none, ...request } } as unknown as Plot;
}

export const ALL_WALLS = {
  walls: new Set(['track', 'cpu', 'memory', 'tasks'] as const),
  network: 'host',
} as const;
