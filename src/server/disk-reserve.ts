/** Stopping before the disk is full: what is under way must still find room to end well. */
import { statfsSync } from 'node:fs';
import { formatBytes } from '#base';
import type { Core } from './core.ts';
import type { ServerOptions } from './server-options.ts';

type Options = Pick<ServerOptions, 'stateDirectory' | 'diskReserveBytes' | 'log'> & {
  readonly traces: { readonly directory: string } | null;
};

/** Nothing is handed out while the disk of the state, or of an output, is nearly full. */
export function keepReserve(core: Core, options: Options): void {
  const { stateDirectory, diskReserveBytes, traces, log } = options;
  const outputs = [...core.active].map((id) => core.jobs.get(id)!.spec.output);
  const places = new Set([stateDirectory, ...outputs.filter((output) => output !== '')]);
  const before = core.diskLow;
  core.diskLow = lowDisk(places, diskReserveBytes);
  if (core.diskLow === null && before !== null) {
    log('info', 'there is room on the disk again; work is handed out');
    core.wake();
  } else if (core.diskLow !== null && before === null) {
    log('warn', `no work is handed out: ${core.diskLow}`);
  }
  const had = core.tracesLow;
  core.tracesLow = traces && lowDisk([traces.directory], diskReserveBytes);
  if (core.tracesLow !== null && had === null) {
    log('warn', `traces may find no room: ${core.tracesLow}`);
  }
}

/**
 * Why no new work may be handed out, or null: a directory with less than `reserveBytes` free.
 * A directory that cannot be asked (not there yet) is passed over.
 */
export function lowDisk(directories: Iterable<string>, reserveBytes: number): string | null {
  for (const directory of directories) {
    const free = freeBytes(directory);
    if (free !== null && free < reserveBytes) {
      return `only ${formatBytes(free)} are free on the disk of ${directory} (${formatBytes(reserveBytes)} are kept in reserve)`;
    }
  }
  return null;
}

function freeBytes(directory: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return null;
  }
}
